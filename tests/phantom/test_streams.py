"""What the random streams promise."""

import numpy as np

from pipeline_lib.phantom.streams import Stream, generator


def test_one_name_gives_one_stream():
    assert np.array_equal(generator(3, Stream.NOISE, 1, 2).random(5), generator(3, Stream.NOISE, 1, 2).random(5))


def test_streams_differ_by_seed_purpose_and_place():
    streams = [
        generator(3, Stream.NOISE, 1, 2),
        generator(4, Stream.NOISE, 1, 2),
        generator(3, Stream.DESIGN, 1, 2),
        generator(3, Stream.NOISE, 2, 1),
        generator(3, Stream.NOISE, 1),
    ]
    assert len({stream.random() for stream in streams}) == len(streams)
