"""What deploys the robot example, held to the published schemas and to what its parts need; nothing is deployed."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from examples.robot.__main__ import OTHERS
from examples.robot.tasks import RECORDS, app

DEPLOY = Path(__file__).resolve().parents[2] / "examples" / "robot" / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
pytestmark = pytest.mark.slow
VERSIONS = ("1.29", "1.34")
PARTS = {"robot-web", "robot-records", "robot-worker", "robot-pool"}
PARAMETER = re.compile(r"\$\{\{(\w+)\}\}")
TEXT_PARAMETER = re.compile(r"\$\{(\w+)\}")
OPENSHIFT_ONLY = {"Route"}


def plain() -> list[dict[str, Any]]:
    """Return the objects of the Kubernetes manifests."""
    names = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    return [found for name in names for found in yaml.safe_load_all((KUBERNETES / name).read_text())]


def templated(**given: str) -> list[dict[str, Any]]:
    """Return the objects of the OpenShift template, its parameters filled in as `oc process` does."""
    text = (DEPLOY / "openshift.yaml").read_text()
    template = yaml.safe_load(text)
    values = {each["name"]: str(each.get("value", "")) for each in template["parameters"]} | given
    return [filled(each, values) for each in template["objects"]]


def filled(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: filled(each, values) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, values) for each in value]
    if not isinstance(value, str):
        return value
    whole = PARAMETER.fullmatch(value)
    return int(values[whole[1]]) if whole else TEXT_PARAMETER.sub(lambda found: values[found[1]], value)


def everything() -> list[Any]:
    sources = {"kubernetes": plain(), "openshift": templated()}
    return [
        pytest.param(each, id=f"{where}-{each['kind']}-{each['metadata']['name']}")
        for where, objects in sources.items()
        for each in objects
    ]


def deployments(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == "Deployment"}


@pytest.mark.parametrize("manifest", everything())
def test_manifest_is_what_the_published_schema_says(manifest: dict[str, Any]) -> None:
    if manifest["kind"] in OPENSHIFT_ONLY:
        assert manifest["apiVersion"] == "route.openshift.io/v1"
        assert manifest["spec"]["to"] == {"kind": "Service", "name": "robot-web"}
        return
    for version in VERSIONS:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_schema_refuses_a_manifest_with_a_slip_of_the_pen() -> None:
    (pool,) = [each for each in plain() if each["metadata"]["name"] == "robot-pool"]
    pool["spec"]["replica"] = pool["spec"].pop("replicas")

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(pool, VERSIONS[0], strict=True)


@pytest.mark.parametrize("objects", [plain(), templated()], ids=["kubernetes", "openshift"])
def test_each_part_is_a_deployment_of_its_own_from_one_image(objects: list[dict[str, Any]]) -> None:
    found = deployments(objects)
    containers = {name: spec["template"]["spec"]["containers"] for name, spec in found.items()}

    assert set(found) == PARTS
    assert {len(each) for each in containers.values()} == {1}
    assert len({each[0]["image"] for each in containers.values()}) == 1
    assert len({tuple(each[0]["command"]) for each in containers.values()}) == len(PARTS)


@pytest.mark.parametrize("objects", [plain(), templated()], ids=["kubernetes", "openshift"])
def test_every_container_is_without_rights_and_asked_how_it_is(objects: list[dict[str, Any]]) -> None:
    for name, spec in deployments(objects).items():
        pod = spec["template"]["spec"]
        (container,) = pod["containers"]
        rights = container["securityContext"]

        assert pod["securityContext"]["runAsNonRoot"], name
        assert rights["readOnlyRootFilesystem"], name
        assert not rights["allowPrivilegeEscalation"], name
        assert rights["capabilities"] == {"drop": ["ALL"]}, name
        assert pod["terminationGracePeriodSeconds"] > 25, "the worker's own grace"
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["exec"]["command"][:2] == ["workmill", "health"], name


@pytest.mark.parametrize("objects", [plain(), templated()], ids=["kubernetes", "openshift"])
def test_workers_together_take_every_queue(objects: list[dict[str, Any]]) -> None:
    words = [
        word
        for spec in deployments(objects).values()
        for word in spec["template"]["spec"]["containers"][0]["command"]
        if word.startswith("--queues=")
    ]

    assert set(",".join(words).replace("--queues=", "").split(",")) == {task.queue for task in app.tasks.values()}
    assert set(OTHERS.split(",")) | {RECORDS} == {task.queue for task in app.tasks.values()}


def test_pool_has_the_size_that_its_parameter_says() -> None:
    assert deployments(templated(POOL_SIZE="7"))["robot-pool"]["replicas"] == 7


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl, which puts the manifests together, is not there")
def test_manifests_are_put_together_with_the_size_of_the_pool() -> None:
    said = subprocess.run(
        ["kubectl", "kustomize", str(KUBERNETES)], capture_output=True, text=True, timeout=60, check=True
    )
    objects = list(yaml.safe_load_all(said.stdout))
    (asked,) = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["replicas"]

    for each in objects:
        kubernetes_validate.validate(each, VERSIONS[-1], strict=True)
    assert deployments(objects)["robot-pool"]["replicas"] == asked["count"]


def test_compose_file_has_the_same_parts_without_rights() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]

    assert {f"robot-{name}" for name in services} == PARTS | {"robot-store"}
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "healthcheck" in service, name
    assert {services[name]["image"] for name in ("web", "records", "worker", "pool")} == {"workmill-robot"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd, which reads units, is not there")
def test_units_are_such_as_systemd_reads(tmp_path: Path) -> None:
    for unit in (each for kind in ("service", "target") for each in (DEPLOY / "systemd").glob(f"*.{kind}")):
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in said.stderr.splitlines() if "robot" in line]

    assert not ours
    assert said.returncode == 0, said.stderr
