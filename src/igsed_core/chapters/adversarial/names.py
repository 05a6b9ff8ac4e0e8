"""Names that parameters may have; nothing else, since every page reads the parameters of all others."""

from __future__ import annotations

VGG, GATED, RECURRENT, DENSE_MEL, DENSE_WAVE = "vgg", "gcnn", "crnn", "dense_mel", "dense_wave"
NETWORKS = {
    VGG: "VGG-like",
    GATED: "gated CNN",
    RECURRENT: "CRNN",
    DENSE_MEL: "DenseNet, log-mel",
    DENSE_WAVE: "DenseNet, waveform",
}
LICENCES = ("cc0", "by", "by-nc")  # of clips of FSDKaggle2018
MOST_KINDS = 43  # of sound that the procedural bank has
