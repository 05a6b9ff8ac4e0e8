import subprocess
import sys
from pathlib import Path

import pytest
import torch

import igsed_core
from igsed_core.base._torchaudio import torchaudio

SCRIPT = """
from igsed_core.base._torchaudio import torchaudio
print(torchaudio.answer, torchaudio._extension._IS_TORCHAUDIO_EXT_AVAILABLE)
"""


def import_with(extension: str, folder: Path) -> str:
    """What the door says of a torchaudio whose extension is `extension`."""
    package = folder / "torchaudio"
    package.mkdir()
    (package / "half_imported.py").write_text("")
    (package / "_extension.py").write_text(extension)
    (package / "__init__.py").write_text(
        "from . import half_imported\nfrom . import _extension\nanswer = 42 if _extension else 0\n"
    )
    source = str(Path(igsed_core.__file__).parents[1])
    code = f"import sys; sys.path[:0] = [{str(folder)!r}, {source!r}]{SCRIPT}"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("extension", "available"),
    [("_IS_TORCHAUDIO_EXT_AVAILABLE = True", "True"), ("raise OSError('libc10_cuda.so')", "False")],
    ids=["loads", "does not load"],
)
def test_the_extension_is_replaced_only_where_it_does_not_load(extension: str, available: str, tmp_path: Path) -> None:
    assert import_with(extension, tmp_path).split() == ["42", available]


def test_what_the_project_uses_is_there() -> None:
    resampled = torchaudio.functional.resample(torch.ones(1, 16_000), 16_000, 32_000)
    assert resampled.shape == (1, 32_000)
    assert torchaudio.compliance.kaldi.get_mel_banks is not None
