"""What pages call the detectors whose edges are calibrated, and their decisions."""

from __future__ import annotations

from igsed_core.detection import decided

DETECTORS = {
    "localiser": "Localiser",
    "cam": "CAM, against absence, by frame",
    "fw_ws": "FW-WS, against absence, in time",
    "ig": "IG, Otsu",
}
DECISIONS = {
    decided.FOUND: "as found",
    decided.TOUCHED: "any overlap",
    decided.CALIBRATED: "calibrated edges",
}
