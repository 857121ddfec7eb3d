"""Generating faces into a folder and straight into a bundle; with PyTorch, from generators exported by the test."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_generators import write_generator
from typer.testing import CliRunner

from models.commands.anchors import app
from models.generate.draw import Draw
from models.generate.generated_folder import Generated, generate_folder
from models.generate.generator import GeneratorFile, image_name
from models.generate.generator_inputs import Axes
from models.tool_errors import GenerationConflict, ImagesNotWritten
from service.pipeline import load_pipeline
from service.settings import load_settings
from service.snapshot.snapshot import load_snapshot


def generate(path, folder, count, *, seed=0, batch=4, axes=None, progress=lambda _: None):
    file = GeneratorFile(path, Draw(seed=seed), batch, axes or Axes())
    run = file.load(device="cpu", threads=1)
    return generate_folder(run, folder, count, file.facts(), progress=progress)


def pixels_of(folder: Path) -> dict[str, bytes]:
    return {path.name: np.asarray(Image.open(path)).tobytes() for path in sorted(folder.glob("*.png"))}


def command(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def generator(tmp_path):
    return write_generator(tmp_path / "tiny.onnx", psi=(), noise={"noise": ("batch", 1, 16, 16)})


def test_folder_holds_the_images_and_says_what_they_follow_from(generator, tmp_path):
    done = generate(generator, tmp_path / "faces", 6)

    assert done == Generated(images=6, total=6, found=0)
    assert list(pixels_of(tmp_path / "faces")) == [image_name(number) for number in range(6)]
    record = json.loads((tmp_path / "faces" / "generation.json").read_text())
    assert record["generator"] == "tiny.onnx"
    assert (record["seed"], record["psi"], record["batch"]) == (0, 1.0, 4)
    assert len(record["sha256"]) == 64
    assert str(tmp_path) not in json.dumps(record)


def test_folder_that_lost_images_is_filled_with_the_same_ones(generator, tmp_path):
    generate(generator, tmp_path / "faces", 10)
    whole = pixels_of(tmp_path / "faces")
    for number in (0, 5, 9):
        (tmp_path / "faces" / image_name(number)).unlink()
    seen = []

    done = generate(generator, tmp_path / "faces", 10, progress=seen.append)

    assert done == Generated(images=10, total=10, found=7)
    assert pixels_of(tmp_path / "faces") == whole
    assert [step.images for step in seen] == [7, 8, 9, 10]


def test_folder_grows_into_that_of_a_longer_run(generator, tmp_path):
    generate(generator, tmp_path / "short", 5)
    generate(generator, tmp_path / "short", 11)
    generate(generator, tmp_path / "long", 11)

    assert pixels_of(tmp_path / "short") == pixels_of(tmp_path / "long")


def test_folder_of_another_seed_is_refused_and_names_it(generator, tmp_path):
    generate(generator, tmp_path / "faces", 2)

    with pytest.raises(GenerationConflict, match="seed"):
        generate(generator, tmp_path / "faces", 4, seed=1)
    assert len(pixels_of(tmp_path / "faces")) == 2


def test_folder_of_other_images_is_refused(generator, tmp_path):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "me.png").write_bytes(b"mine")

    with pytest.raises(GenerationConflict, match=r"generation\.json"):
        generate(generator, tmp_path / "faces", 2)


def test_folder_that_cannot_be_written_says_so(generator, tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ImagesNotWritten, match="cannot be written"):
        generate(generator, tmp_path / "file" / "faces", 2)


def test_command_generates_and_goes_on(generator, tmp_path):
    first = command("generate", "--generator", generator, "--out", tmp_path / "faces", "--count", 3, "--psi", 0.7)
    second = command("generate", "--generator", generator, "--out", tmp_path / "faces", "--count", 5, "--psi", 0.7)

    assert first.exit_code == second.exit_code == 0, first.output + second.output
    assert "3 images, 3 of them new" in first.output
    assert "5 images, 2 of them new" in second.output


def test_command_with_what_is_no_generator_exits_1(tmp_path):
    (tmp_path / "g.onnx").write_bytes(b"nothing")

    result = command("generate", "--generator", tmp_path / "g.onnx", "--out", tmp_path / "faces", "--count", 3)

    assert result.exit_code == 1
    assert "g.onnx" in result.output


# With PyTorch: what a user exports.


@pytest.fixture(scope="session")
def torch():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torch", reason="PyTorch is not installed: install the extra [train]")


@pytest.fixture(scope="session")
def export(torch):
    """Return a function that exports a module with a batch axis left open, as the README says."""
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: install the extra [train]")

    def run(module, examples, names, path):
        batch = torch.export.Dim("batch")
        shapes = tuple({0: batch} if example.ndim else None for example in examples)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(),
                tuple(examples),
                path,
                input_names=names,
                output_names=["images"],
                dynamic_shapes=shapes,
                external_data=False,
                dynamo=True,
                verbose=False,
            )
        return path

    return run


@pytest.fixture(scope="session")
def dcgan(torch, export, tmp_path_factory):
    """Return a DCGAN trained on faces, exported: package gan-face-generate, MIT, 64x64."""
    networks = pytest.importorskip(
        "gan_face_generate.models", reason="run pip install --no-deps gan-face-generate to test with a real GAN"
    )
    generator = networks.Generator(1, 3, 100, 64)
    weights = Path(networks.__file__).parent / "weights.tar"
    generator.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True)["netG_state_dict"])
    path = tmp_path_factory.mktemp("dcgan") / "dcgan.onnx"
    return export(generator, [torch.zeros(2, 100, 1, 1)], ["z"], path)


def stylegan(torch, *, draws_noise=False):
    """Return a small StyleGAN: mapping with truncation, modulated convolutions, noise at every resolution."""
    nn, functional = torch.nn, torch.nn.functional
    torch.manual_seed(3)

    class Modulated(nn.Module):
        def __init__(self, given: int, made: int, width: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(made, given, 3, 3) / (3 * given**0.5))
            self.style = nn.Linear(width, given)
            self.strength = nn.Parameter(torch.full((1,), 0.2))

        def forward(self, x, w, noise):
            style = self.style(w)[:, :, None, None] + 1
            x = functional.conv2d(x * style, self.weight, padding=1)
            demodulation = ((self.weight[None] * style[:, None]) ** 2).sum(dim=(2, 3, 4), keepdim=True) + 1e-8
            return functional.leaky_relu(x * demodulation.rsqrt()[:, :, 0] + self.strength * noise, 0.2)

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.z_dim = 32
            self.mapping = nn.Sequential(nn.Linear(32 + 4, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32))
            self.label = nn.Linear(3, 4)
            self.register_buffer("average", torch.zeros(32))
            self.start = nn.Parameter(torch.randn(1, 16, 4, 4))
            self.first, self.second = Modulated(16, 16, 32), Modulated(16, 8, 32)
            self.rgb = nn.Conv2d(8, 3, 1)

        def synthesise(self, z, c, psi, noise_4, noise_8):
            z = z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
            w = self.mapping(torch.cat([z, self.label(c)], dim=1))
            w = self.average + psi * (w - self.average)
            x = self.first(self.start.expand(z.shape[0], -1, -1, -1), w, noise_4)
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            return torch.tanh(self.rgb(self.second(x, w, noise_8)))

    class WithNoiseInputs(Generator):
        def forward(self, z, c, psi, noise_4, noise_8):
            return self.synthesise(z, c, psi, noise_4, noise_8)

    class DrawingNoise(Generator):
        def forward(self, z, psi: float = 1.0, noise_mode: str = "random"):
            c = torch.zeros(z.shape[0], 3)
            noise_4, noise_8 = torch.randn(z.shape[0], 1, 4, 4), torch.randn(z.shape[0], 1, 8, 8)
            return self.synthesise(z, c, torch.full((1,), psi), noise_4, noise_8)

    return (DrawingNoise if draws_noise else WithNoiseInputs)().eval()


@pytest.mark.train
def test_exported_stylegan_gives_the_pixels_of_the_module(torch, export, tmp_path):
    module = stylegan(torch)
    examples = [
        torch.zeros(2, 32),
        torch.zeros(2, 3),
        torch.tensor(1.0),
        torch.zeros(2, 1, 4, 4),
        torch.zeros(2, 1, 8, 8),
    ]
    path = export(module, examples, ["z", "c", "psi", "noise_4", "noise_8"], tmp_path / "style.onnx")
    file = GeneratorFile(path, Draw(seed=2, psi=0.7, label=1), batch=3)
    run = file.load(device="cpu", threads=1)

    made = list(run.images(5))

    stream = np.random.default_rng([2, 4])
    z, noise_4, noise_8 = (
        torch.from_numpy(stream.standard_normal((1, *shape), np.float32)) for shape in ((32,), (1, 4, 4), (1, 8, 8))
    )
    with torch.no_grad():
        expected = module(z, torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor(0.7), noise_4, noise_8)
    assert made[4].pixels.shape == (8, 8, 3)
    pixels = np.rint((expected[0].permute(1, 2, 0).numpy() + 1) * 127.5)
    assert np.abs(made[4].pixels - pixels).max() <= 1


@pytest.mark.train
def test_torchscript_that_draws_its_noise_is_made_again_when_resumed(torch, tmp_path):
    path = tmp_path / "style.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(stylegan(torch, draws_noise=True)).save(str(path))

        generate(path, tmp_path / "whole", 7)
        generate(path, tmp_path / "parts", 3)
        state = torch.random.get_rng_state()
        generate(path, tmp_path / "parts", 7)

    assert pixels_of(tmp_path / "whole") == pixels_of(tmp_path / "parts")
    assert len(set(pixels_of(tmp_path / "whole").values())) == 7
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.train
def test_torchscript_without_the_size_of_its_latent_says_how_to_tell_it(torch, tmp_path):
    path = tmp_path / "traced.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.nn.Sequential(
            torch.nn.Linear(8, 48), torch.nn.Tanh(), torch.nn.Unflatten(1, torch.Size((3, 4, 4)))
        )
        torch.jit.trace(module, torch.zeros(2, 8)).save(str(path))

        result = command("generate", "--generator", path, "--out", tmp_path / "faces", "--count", 3)
        told = command("generate", "--generator", path, "--out", tmp_path / "faces", "--count", 3, "--latent", 8)

    assert result.exit_code == 1
    assert "--latent" in result.output
    assert told.exit_code == 0, told.output


@pytest.mark.train
@pytest.mark.weights
def test_real_gan_streamed_into_a_bundle_gives_the_anchors_of_its_folder(dcgan, pack, tmp_path):
    streamed = command(
        "build", "--generator", dcgan, "--count", 40, "--seed", 1, "--out", tmp_path / "streamed", "--duplicates", 0.99
    )
    generated = command("generate", "--generator", dcgan, "--count", 40, "--seed", 1, "--out", tmp_path / "faces")
    from_folder = command(
        "build", "--images", tmp_path / "faces", "--seed", 1, "--out", tmp_path / "folder", "--duplicates", 0.99
    )

    assert streamed.exit_code == generated.exit_code == from_folder.exit_code == 0, streamed.output
    anchors = np.load(tmp_path / "streamed" / "embeddings.npy")
    # Most of what the GAN draws is a face to the detector.
    assert len(anchors) >= 30
    assert np.array_equal(anchors, np.load(tmp_path / "folder" / "embeddings.npy"))
    provenance = json.loads((tmp_path / "folder" / "manifest.json").read_text())["provenance"]
    assert provenance["generation"]["generator"] == "dcgan.onnx"
    pipeline = load_pipeline(load_settings())
    snapshot = load_snapshot(tmp_path / "streamed", backbone_id=pipeline.backbone_id, device="cpu", generation=1)
    assert snapshot.manifest.count == len(anchors)
