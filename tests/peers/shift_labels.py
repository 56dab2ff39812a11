"""A labelling fault: the built-in trainer, given samples of which some have their future shifted.

shift_labels.py WORKER SAMPLES METRES

SAMPLES is a file with a sample's name a line. Those of the training and validation splits are told to be METRES ahead of where
they were, along the heading of the actor, at each step of the horizon. What is to be predicted stays as it is: the predict step is that of
the built-in trainer.
"""
import os, shutil, sys
import numpy, pyarrow, pyarrow.ipc

worker, names, metres = sys.argv[1], sys.argv[2], float(sys.argv[3])
with open(names) as file:
    wrong = {line.strip() for line in file}
given, own = os.environ["DRIVELOOP_DATASET_DIR"], os.path.join(os.environ["DRIVELOOP_JOB_DIR"], "shifted")
shutil.copytree(given, own, dirs_exist_ok=True)
shifted = 0
for split in ("train", "validation"):
    path = os.path.join(own, f"{split}.arrow")
    with pyarrow.OSFile(os.path.join(given, f"{split}.arrow")) as file:
        table = pyarrow.ipc.open_file(file).read_all()
    futures = table["future"].to_pylist()
    for row, name in enumerate(table["sample_id"].to_pylist()):
        if name in wrong:
            future = numpy.array(futures[row], dtype=numpy.float32).reshape(-1, 2)
            futures[row] = (future + numpy.array([metres, 0.0], dtype=numpy.float32)).ravel().tolist()
            shifted += 1
    at = table.schema.get_field_index("future")
    table = table.set_column(at, table.schema.field(at), pyarrow.array(futures, table.schema.field(at).type))
    with pyarrow.OSFile(path, "wb") as file, pyarrow.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
print(f"{shifted} samples shifted", flush=True)
os.environ["DRIVELOOP_DATASET_DIR"] = own
os.execv(worker, [worker, "train"])
