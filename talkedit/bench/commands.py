"""`talkedit bench`: how fast this machine draws, trains, reads, edits, extracts and evaluates, beside a reference."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from talkedit.errors import ParamsError
from talkedit.models.build import ModelParams
from talkedit.params import load_section, parse
from talkedit.progress import progress_bar

bench = typer.Typer(
    no_args_is_help=True,
    help="Measure drawing, training, reading, editing and evaluating on this machine, beside a plain reference.",
    rich_markup_mode="rich",
)

Params = Annotated[Path, typer.Option("--params", help="Whose section 'model' says what is measured.")]
ImagePx = Annotated[int, typer.Option(min=64, help="Side of the pictures, a multiple of 64.")]
PatchPx = Annotated[int | None, typer.Option(help="1, 2 or 4 in place of model.patch_px.")]
Width = Annotated[int | None, typer.Option(help="In place of model.width.")]
Rounds = Annotated[int, typer.Option(min=2, help="Timed turns of each; more are steadier on a busy machine.")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there too.")]
PARAMS_FILE = Path("params.yaml")
N_BATCHES, N_WAITING_STEPS = 1 << 30, 20
MODEL, JUDGES = Path("models/sample/generator"), Path("models/sample/discriminator")
MOST = 10_000  # px, minutes
N_STEPPED_CLIPS = 3


@bench.command()
def infer(
    params: Params = PARAMS_FILE,
    image_px: ImagePx = 256,
    patch_px: PatchPx = None,
    width: Width = None,
    images: Annotated[int, typer.Option(min=1, help="Pictures drawn at once.")] = 8,
    rounds: Rounds = 10,
    json: Json = None,
) -> None:
    """How many pictures a second are drawn, on made-up inputs.

    reference: the layout of the paper's released generator. plain: our network as it trains. folded: the same as the
    editor runs it. editor: all from a cut out crop to the pasted one. They take turns.

    talkedit bench infer --patch-px 2 --width 16 --rounds 20 --json infer.json
    """
    from talkedit.bench.infer import drawing_contestants  # noqa: PLC0415 (torch and all networks: seconds)

    model = _resized(params, image_px, patch_px, width)
    contestants, difference = drawing_contestants(model, images)
    content = _race(contestants, rounds, f"Drawing {images} pictures of {image_px} px", model)
    content["folded_differs_by"] = difference
    content["folded_times_plain"] = round(contestants[2].times(contestants[1]), 3)
    ratio = content["folded_times_plain"]
    Console().print(f"folded is {ratio:.2f} times as fast as plain; pictures differ by {difference:.0e} of 1")
    _write(json, content)


@bench.command()
def train(
    params: Params = PARAMS_FILE,
    image_px: ImagePx = 256,
    patch_px: PatchPx = None,
    width: Width = None,
    windows: Annotated[int, typer.Option(min=1, help="Windows of frames in a step.")] = 1,
    shards: Annotated[Path | None, typer.Option(help="Train on these in place of made-up pictures.")] = None,
    rounds: Rounds = 5,
    json: Json = None,
) -> None:
    """How many pictures a second are trained on: forward, L1, backward, Adam.

    Batches are made up, and nobody waits for them, unless there are --shards.

    talkedit bench train --patch-px 2 --shards data/sample/shards
    """
    from talkedit.bench import made_up  # noqa: PLC0415 (as above)
    from talkedit.bench.train import training_contestants  # noqa: PLC0415
    from talkedit.shards.loader import Loader  # noqa: PLC0415
    from talkedit.shards.windows import Batch, to_batch  # noqa: PLC0415
    from talkedit.train.ahead import Ahead  # noqa: PLC0415

    model = _resized(params, image_px, patch_px, width)

    def measure(batches: Iterator[Batch]) -> None:
        contestants = training_contestants(model, windows * model.n_frames, lambda: next(batches))
        title = f"Training on {windows} x {model.n_frames} pictures of {image_px} px"
        _write(json, _race(contestants, rounds, title, model))

    if shards is None:
        return measure(cycle([made_up.batch(windows, model.n_frames, image_px)]))
    with (
        Loader(shards, "train", image_px, model.n_frames, windows, seed=0) as loader,
        Ahead(lambda step: to_batch(loader.windows(step)), N_BATCHES) as ahead,
    ):
        measure(map(ahead.take, range(N_BATCHES)))


@bench.command()
def loader(
    shards: Annotated[Path, typer.Option(help="A folder of the shards stage, such as data/sample/shards.")],
    params: Params = PARAMS_FILE,
    image_px: ImagePx = 256,
    windows: Annotated[int, typer.Option(min=1, help="Windows of frames in a step.")] = 2,
    step_s: Annotated[float, typer.Option(min=0, help="How long a training step takes, in seconds.")] = 1.0,
    rounds: Rounds = 5,
    json: Json = None,
) -> None:
    """How many frames a second are read for each core, and how long a training waits for them.

    Wav2Lip's way: a JPEG a frame on disk, the sound's spectrogram computed for every item, pictures made floats. It
    reads up to 20 of the same clips, unpacked into a temporary folder, with noise for sound. Ours goes through the
    footage twice: the second time, all is still decoded, if it fits into 2 GB. With nothing kept, clips are decoded a
    second at a time, as those of larger footage are; the second pass is timed.

    talkedit bench loader --shards data/sample/shards --step-s 0.8
    """
    from talkedit.bench.loader import read_in_turns, waited_share  # noqa: PLC0415 (as above)
    from talkedit.bench.machine import describe_machine  # noqa: PLC0415
    from talkedit.bench.report import machine_line, reading_rows, reading_table  # noqa: PLC0415

    n_frames, machine = load_section(params, ModelParams).n_frames, describe_machine()
    with _turns("reading", rounds) as turn_done:
        readings = read_in_turns(shards, image_px, n_frames, windows, rounds, turn_done)
    rows, waited = reading_rows(readings), waited_share(shards, image_px, n_frames, windows, step_s, N_WAITING_STEPS)
    Console().print(reading_table(rows, f"Reading windows of {n_frames} frames at {image_px} px"))
    Console().print(f"a training whose steps take {step_s:g} s waits for data for {waited:.1%} of the time")
    Console().print(machine_line(machine))
    _write(json, {"machine": machine, "image_px": image_px, "step_s": step_s, "waited_share": waited, "rows": rows})


@bench.command()
def edit(
    model: Annotated[Path, typer.Option("-m", "--model", help="A model folder.")] = MODEL,
    source: Annotated[Path | None, typer.Option(help="A video of its person; the sample clip without it.")] = None,
    heights: Annotated[str, typer.Option(help="Picture heights to scale it to; 0 is its own.")] = "0,1080",
    minutes: Annotated[str, typer.Option(help="Lengths to loop it to, such as 1,10.")] = "",
    looped_height: Annotated[int, typer.Option(help="Picture height of these; 0 is its own.")] = 0,
    json: Json = None,
) -> None:
    """How many frames a second are edited, from file to file and by the network alone, and in how much memory.

    Each edit is a process of its own. Looped to several lengths, the video shows whether memory grows.

    talkedit bench edit --minutes 1,10 --looped-height 240
    """
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from talkedit import assets  # noqa: PLC0415
    from talkedit.bench.edit import measure_edit, remade  # noqa: PLC0415 (as above)
    from talkedit.bench.machine import describe_machine  # noqa: PLC0415
    from talkedit.bench.report import edit_table, machine_line  # noqa: PLC0415

    asked = [(height, 0.0) for height in _numbers("--heights", heights)]
    asked += [(looped_height, length) for length in _numbers("--minutes", minutes)]
    machine, clip, rows = describe_machine(), source or assets.fetch("sample_clip"), []
    with TemporaryDirectory() as folder, _turns("editing", len(asked)) as turn_done:
        for height, length in asked:
            made = Path(folder) / "in.mp4"
            video = remade(clip, made, int(height) or None, length * 60 or None) if height or length else clip
            name = f"looped to {length:g} min" if length else "scaled" if height else "as it is"
            rows.append({"name": name} | measure_edit(model, video, Path(folder)))
            turn_done()
    Console().print(edit_table(rows))
    Console().print(machine_line(machine))
    _write(json, {"machine": machine, "rows": rows})


@bench.command()
def extract(
    clips: Annotated[Path, typer.Option("--clips", "--raw", help="A folder of videos, such as data/sample/raw.")],
    params: Annotated[Path, typer.Option("--params", help="Whose sections say how.")] = PARAMS_FILE,
    most: Annotated[int, typer.Option(min=1, help="Videos taken, evenly from the folder's.")] = 40,
    workers: Annotated[int, typer.Option(min=1, help="Our processes.")] = 2,
    enlarged: Annotated[int, typer.Option(min=0, max=2, help="How often the script doubles a frame's size.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="Timed turns of each.")] = 1,
    json: Json = None,
) -> None:
    """How many frames a second become landmarks, and crops, codes and shards, and by which steps.

    plain script: OpenCV decodes, dlib finds face and landmarks in every frame, one process; as in dlib's own example,
    every frame is enlarged once. landmarks: the same work by ours. all, to shards: crop, attributes and shards stage.
    They take turns. The single steps are measured in one process, on the first three clips.

    talkedit bench extract --clips data/sample/raw
    """
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from talkedit.bench import extract as work  # noqa: PLC0415 (as above)
    from talkedit.bench.machine import describe_machine  # noqa: PLC0415
    from talkedit.bench.report import extract_table, machine_line  # noqa: PLC0415

    machine = describe_machine()
    with TemporaryDirectory() as folder:
        footage = work.Footage(clips, most, Path(folder), params)
        steps = work.timing_rows([work.measure_steps(footage, N_STEPPED_CLIPS)])
        with _turns("extracting", 3 * rounds) as turn_done:
            timings, distance_px = work.extract_in_turns(footage, workers, enlarged, rounds, turn_done)
    rows = work.timing_rows(timings)
    Console().print(extract_table(steps, rows))
    times = next(row["times_first"] for row in rows if row["name"] == work.LANDMARKS)
    Console().print(
        f"{footage.n_frames} frames of {len(footage.clips)} clips; {workers} workers find landmarks {times:.2f} times "
        f"as fast as the plain script, at a median distance of {distance_px:.2f} px"
    )
    Console().print(machine_line(machine))
    content = {"machine": machine, "workers": workers, "enlarged": enlarged, "n_frames": footage.n_frames}
    _write(json, content | {"times": times, "distance_px": round(distance_px, 3), "steps": steps, "rows": rows})


@bench.command()
def evaluate(
    shards: Annotated[Path, typer.Option(help="A folder of the shards stage.")] = Path("data/sample/shards"),
    model: Annotated[Path, typer.Option("-m", "--model", help="A model folder.")] = MODEL,
    discriminator: Annotated[Path, typer.Option(help="Of the stage train_discriminator.")] = JUDGES,
    params: Annotated[Path, typer.Option("--params", help="Whose section 'evaluate' says how.")] = PARAMS_FILE,
    clips: Annotated[int, typer.Option(min=1, help="Held-out clips, and as many pairs of them.")] = 8,
    sweep_clips: Annotated[int, typer.Option(min=1, help="Of them, those in which each control is moved.")] = 2,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the clips.")] = 2,
    json: Json = None,
) -> None:
    """How long a model's examination on held-out clips takes, by part, and by several processes beside one.

    First one process does it, then --workers of them; numbers and pictures that come out are the same. Projected is to
    100 clips of 3 s and 100 pairs, sweeps apart: more --clips project better, because loading is counted in the first.
    The person's own expert judges sync, whatever evaluate.sync is.

    talkedit bench evaluate --shards data/NAME/shards -m models/NAME/generator --discriminator models/NAME/discriminator
    """
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from talkedit.bench import evaluate as work  # noqa: PLC0415 (as above)
    from talkedit.bench.machine import describe_machine  # noqa: PLC0415
    from talkedit.bench.report import evaluate_table, machine_line  # noqa: PLC0415

    examined, counts = work.Examined(shards, model, discriminator, params, clips, sweep_clips), sorted({1, workers})
    machine, runs = describe_machine(), []
    with TemporaryDirectory() as folder, _turns("examining", len(counts)) as turn_done:
        for count in counts:
            runs.append(work.examine_apart(examined, count, Path(folder) / str(count)))
            turn_done()
    rows, minutes = work.evaluate_rows(runs), [round(work.projected_minutes(run), 1) for run in runs]
    Console().print(evaluate_table(rows, runs, minutes))
    Console().print(machine_line(machine))
    _write(json, {"machine": machine, "runs": runs, "projected_minutes": minutes, "rows": rows})


def _numbers(option: str, text: str) -> list[float]:
    try:
        numbers = [float(word) for word in text.split(",") if word.strip()]
    except ValueError:
        numbers = [-1.0]
    if any(not 0 <= number <= MOST for number in numbers):
        raise ParamsError(f"{option} is {text!r}; give numbers such as 1,10")
    return numbers


def _resized(file: Path, image_px: int, patch_px: int | None, width: int | None) -> ModelParams:
    """The network of a params file at another size; attention stands at the same shares of the picture's side."""
    if image_px % 64:
        raise ParamsError(f"--image-px is {image_px}; give a multiple of 64, which the reference halves six times")
    params = load_section(file, ModelParams)
    values = params.model_dump() | {"image_px": image_px, "patch_px": patch_px or params.patch_px}
    values |= {"width": width or params.width}
    scale = image_px / values["patch_px"] / params.network_px
    values["attention_px"] = [round(side_px * scale) for side_px in params.attention_px]
    return parse(ModelParams, values, where=f"{file} with these options")


def _race(contestants: list[Any], n_rounds: int, title: str, model: ModelParams) -> dict[str, Any]:
    from talkedit.bench.machine import describe_machine  # noqa: PLC0415 (as above)
    from talkedit.bench.race import race  # noqa: PLC0415
    from talkedit.bench.report import machine_line, race_rows, race_table  # noqa: PLC0415

    machine = describe_machine()
    with _turns("measuring", (n_rounds + 1) * len(contestants)) as turn_done:
        race(contestants, n_rounds, turn_done)
    rows = race_rows(contestants)
    Console().print(race_table(rows, title))
    Console().print(machine_line(machine))
    return {"machine": machine, "model": model.model_dump(), "rows": rows}


@contextmanager
def _turns(what: str, n_turns: int) -> Iterator[Callable[[], None]]:
    with progress_bar() as bar:
        task = bar.add_task(what, total=n_turns, unit="turns", note="")
        yield lambda: bar.advance(task)


def _write(file: Path | None, content: dict[str, Any]) -> None:
    from talkedit.bench.report import write_json  # noqa: PLC0415 (as above)

    if file is not None:
        write_json(file, content)
