"""Remote files that igsed knows: where each lies, its checksum, size and licence."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

ZENODO = "https://zenodo.org"


@dataclass(frozen=True)
class Asset:
    """A remote file.

    Parameters
    ----------
    url : str
        Where it lies.
    file_name : str
        Its name in the cache folder, and in a mirror.
    checksum : str
        ``sha256:...`` or ``md5:...``; empty where none is published. Then it is taken from the Zenodo record when the
        file is first fetched, or without a record from the file itself, written beside the file, and held to ever
        after.
    parameter : str
        What a user writes to take a file of their own instead.
    size : int
        Bytes; 0 if not known before the record is asked.
    licence : str
        Its licence.
    record : int
        Number of the Zenodo record that holds it; 0 if none does.
    """

    url: str
    file_name: str
    checksum: str
    parameter: str
    size: int = 0
    licence: str = ""
    record: int = 0


def _zenodo(record: int, file_name: str, checksum: str, parameter: str, *, size: int, licence: str) -> Asset:
    url = f"{ZENODO}/records/{record}/files/{quote(file_name)}?download=1"
    return Asset(url, file_name, checksum, parameter, size, licence, record)


_SINS_LICENCE = "free for non-commercial use (SINS)"
_SINS_AUDIO = 23  # archives

REGISTRY: dict[str, Asset] = (
    {
        "cnn14": _zenodo(
            3987831,
            "Cnn14_mAP=0.431.pth",
            "md5:541141fa2ee191a88f24a3219fff024e",
            "weights=PATH",
            size=327_428_481,
            licence="CC BY 4.0",
        ),
        "mn04_as": Asset(
            "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/mn04_as_mAP_432.pt",
            "mn04_as_mAP_432.pt",
            "sha256:899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
            "weights=PATH",
            size=4_066_513,
            licence="MIT",
        ),
        "desed": _zenodo(
            6026841,
            "DESED_synth_soundbank.tar.gz",
            "",
            "soundbank=PATH",
            size=0,
            licence="CC BY 4.0, per-file licences inside",
        ),
        "desed_validation": _zenodo(
            6026841, "soundbank_validation.tsv", "", "soundbank=PATH", size=0, licence="CC BY 4.0"
        ),
        "sins_meta": _zenodo(
            1247102,
            "DCASE2018-task5-dev.meta.zip",
            "md5:8fd269986c168db5562e7509e6dc033a",
            "background_source=PATH",
            size=984_000,
            licence=_SINS_LICENCE,
        ),
        "avp": _zenodo(
            5036529,
            "AVP_Dataset.zip",
            "md5:a40f3f3bc9d5bc0f52ab9aa4c13a907e",
            "vocal_bank=PATH",
            size=0,
            licence="CC BY 4.0",
        ),
        "urban_sed": _zenodo(
            1324404,
            "URBAN-SED_v2.0.0.tar.gz",
            "md5:a2d24a2148ece7c021fcc079ee87c2dc",
            "attention_data=PATH",
            size=0,
            licence="CC BY 4.0",
        ),
        "urbansound8k": _zenodo(
            1203745,
            "UrbanSound8K.tar.gz",
            "md5:9aa69802bbf37fb986f71ec1483a196e",
            "repr_data=PATH",
            size=0,
            licence="CC BY-NC 4.0",
        ),
    }
    | {
        f"fsdkaggle2018_{part}": _zenodo(
            *(2552860, f"FSDKaggle2018.{part}.zip", f"md5:{md5}", "attack_bank=PATH"),
            size=0,
            licence="CC0, CC BY or CC BY-NC, clip by clip",
        )
        for part, md5 in {
            "meta": "f16828ac8be0e5285b9175a12f90d784",
            "audio_train": "a8b47ff4b52022c178f88fa5c6f080d0",
            "audio_test": "f85c8665c3fc39311ea1b748e194a81d",
        }.items()
    }
    | {
        name: Asset(
            *(f"https://codeload.github.com/{repository}/tar.gz/{reference}", f"{name}.tar.gz", "", "soundbank=PATH"),
            licence=licence,
        )
        for name, repository, reference, licence in (
            ("esc10", "karolpiczak/ESC-10", "refs/heads/master", "CC0 or CC BY 3.0, per clip"),
            (
                "kitchen20",
                "marc-moreaux/kitchen20",
                "refs/heads/master",
                "Apache-2.0; clips Creative Commons, per clip",
            ),
            ("fsdd", "Jakobovski/free-spoken-digit-dataset", "refs/tags/v1.0.9", "CC BY-SA 4.0"),
        )
    }
    | {
        f"librispeech_{reader}": Asset(
            *(f"https://librosa.org/data/audio/{file_name}", file_name, f"sha256:{digest}", "soundbank=PATH"),
            licence="CC BY 4.0",
        )
        for reader, file_name, digest in (
            ("198", "198-209-0000.hq.ogg", "6a8d2c16e56dcb27b7f5fe5aa99bfd26b4722a6dabca1968eff951b456936514"),
            ("3436", "3436-172162-0000.hq.ogg", "8e034529f2f171c7e5e772df6eccc2d169183c39605b45b351c2bfabddf14162"),
        )
    }
    | {
        f"sins_{i}": _zenodo(
            1247102, f"DCASE2018-task5-dev.audio.{i}.zip", "", "background_source=PATH", size=0, licence=_SINS_LICENCE
        )
        for i in range(1, _SINS_AUDIO + 1)
    }
)

# What a user asks for -> files. Those of a group are unpacked into data_dir()/<group>.
GROUPS: dict[str, tuple[str, ...]] = {
    "cnn14": ("cnn14",),
    "mn04_as": ("mn04_as",),
    "desed": ("desed", "desed_validation"),
    "avp": ("avp",),
    "fsdkaggle2018": ("fsdkaggle2018_meta", "fsdkaggle2018_audio_train", "fsdkaggle2018_audio_test"),
    "urban_sed": ("urban_sed",),
    "urbansound8k": ("urbansound8k",),
    "real": ("esc10", "kitchen20", "fsdd", "librispeech_198", "librispeech_3436"),
    "backgrounds": ("sins_meta", *(f"sins_{i}" for i in range(1, _SINS_AUDIO + 1))),
}
