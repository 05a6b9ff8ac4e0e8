"""Audio classifiers of Hugging Face that hear spectrograms, as modules that hear the waveform.

Models that hear waveforms (wav2vec 2.0, HuBERT, WavLM) are explained as they are. The Audio Spectrogram Transformer
hears a log-mel map that its feature extractor gives as numbers, through which no gradient flows; here one flows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from igsed_core.base._torchaudio import torchaudio
from igsed_core.base.errors import IgsedError

MEAN, STD = -4.2677393, 4.5689974  # of AudioSet's log-mel maps, by which the published models are normalised


class SpectrogramTransformer(nn.Module):
    """An Audio Spectrogram Transformer (Gong et al., Interspeech 2021) from the waveform on.

    Parameters
    ----------
    network
        ``transformers.ASTForAudioClassification``, or whatever has its ``config`` and answers with ``logits``.
    mean, std
        Of its feature extractor.

    Attributes
    ----------
    sample_rate
        16 kHz, which the model was made for.
    classes
        Its labels, in the order of the outputs.
    """

    sample_rate = 16_000

    def __init__(self, network: nn.Module, *, mean: float = MEAN, std: float = STD) -> None:
        super().__init__()
        self.network = network
        self.mean, self.std = mean, std
        config: Any = network.config
        self.n_frames, self.n_mels = int(config.max_length), int(config.num_mel_bins)
        self.classes = tuple(str(config.id2label[i]) for i in range(config.num_labels))

    def features(self, waveform: Tensor) -> Tensor:
        """Log-mel maps as of the model's feature extractor: ``(batch, n_samples) -> (batch, n_frames, n_mels)``.

        Raises
        ------
        IgsedError
            If the waveform is longer than the model hears.
        """
        made = torch.stack(
            [
                torchaudio.compliance.kaldi.fbank(
                    one[None],
                    sample_frequency=float(self.sample_rate),
                    window_type="hanning",
                    num_mel_bins=self.n_mels,
                )
                for one in waveform
            ]
        )
        missing = self.n_frames - made.shape[1]
        if missing < 0:
            raise IgsedError(
                f"the model hears {self.n_frames / 100:.2f} s, and the waveform has "
                f"{waveform.shape[-1] / self.sample_rate:.2f} s: explain pieces of it"
            )
        return (nn.functional.pad(made, (0, 0, 0, missing)) - self.mean) / (2 * self.std)

    def forward(self, waveform: Tensor) -> Tensor:
        """Logits: ``(batch, n_samples) -> (batch, n_classes)``."""
        logits: Tensor = self.network(self.features(waveform)).logits
        return logits
