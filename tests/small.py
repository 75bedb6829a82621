"""Options of `iaunet train` for a network, pictures and batches that are small enough for tests."""

SMALL = [
    *("--data.height=64", "--data.width=32", "--train.batch_size=8"),
    *("--model.width=0.25", "--model.depths=[1,1,1,1]"),
]
