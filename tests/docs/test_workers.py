"""The worker that docs/workers.md shows performs tasks."""

import asyncio

from perdure.testing.server import local_server
from perdure.v1.integration_pb2 import Integration, IntegrationParameter
from perdure.v1.task_config_pb2 import OutputMapping, ParameterSource, TaskConfig
from tests.docs.documents import PROJECT
from tests.docs.pages import module_of

TEXT = IntegrationParameter.DATA_TYPE_STRING_VALUE
SHOUTING = Integration(
    name="shouting",
    parameters=[
        IntegrationParameter(key="text", data_type=TEXT, input_output_type=IntegrationParameter.INPUT_OUTPUT_TYPE_IN),
        IntegrationParameter(key="loud", data_type=TEXT, input_output_type=IntegrationParameter.INPUT_OUTPUT_TYPE_OUT),
    ],
    tasks=[
        TaskConfig(
            task_id="first",
            task="shout",
            parameters={"text": ParameterSource(expression="params.text")},
            outputs=[OutputMapping(result="result", parameter="loud")],
        )
    ],
)


async def test_the_worker_of_the_page_performs_one_task_after_the_other(tmp_path):
    with module_of(PROJECT / "docs" / "workers.md", tmp_path) as page:
        async with local_server() as served, asyncio.TaskGroup() as group:
            await served.client.deploy(SHOUTING)
            worker = group.create_task(page.work(served.address))
            for text in ("hear", "this"):
                result = await served.client.execute("shouting", {"text": text}, timeout=30)
                assert result.outputs == {"loud": text.upper()}
            worker.cancel()
