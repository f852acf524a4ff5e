"""Steps that a user writes with the engine and the SDK: what a job does to its lakes with the job's token."""

from pathlib import Path

from picsellia_cv_engine.core import Datalake, DatalakeCollection
from picsellia_cv_engine.decorators.pipeline_decorator import Pipeline
from picsellia_cv_engine.decorators.step_decorator import step
from PIL import Image


@step
def process(loaded: Datalake | DatalakeCollection):
    """Tag, describe and make smaller each picture that was loaded, and upload it again into the output lake."""
    context = Pipeline.get_active_context()
    given, output = loaded["input"], loaded["output"].datalake
    tag = given.datalake.get_or_create_data_tag("loaded")
    folder = Path(context.working_dir) / "small"
    folder.mkdir()
    for path in sorted(Path(given.images_dir).iterdir()):
        data = given.datalake.list_data(ids=[path.stem])[0]
        data.add_tags(tag)
        data.update_metadata({"weather": "sunny"})
        data.update_custom_metadata({"width": Image.open(path).width})
        small = folder / data.filename
        with Image.open(path) as picture:
            picture.resize((16, 12)).save(small)
        given.datalake.create_projection(data, "small", str(small))
        output.upload_data(str(small), tags=["small"], source="engine", custom_metadata={"from": str(data.id)})
    print(f"processed {len(context.data_ids)} data into {output.name}")
