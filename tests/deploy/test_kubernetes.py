"""The manifests: valid, and run as a pod by `podman play kube`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest
import yaml
from tests.rig import http
from tests.rig.engine import Engine
from tests.rig.http import Json
from tests.rig.wait import until

from opencoderouter.announce.query import Reply, ask

_FOLDER = Path(__file__).parents[2] / "deploy/kubernetes"
_FILES = ("deployment.yaml", "service.yaml", "networkpolicy.yaml")
_PASSWORD = "correct horse battery"
_POD = "ocr-rig"
_SERVER = """
apiVersion: v1
kind: Pod
metadata: {name: ocr-rig-server}
spec:
  containers:
    - name: shop
      image: localhost/opencoderouter
      command: [python3, -m, opencoderouter.standin]
      args: [serve, --hostname=0.0.0.0, --port=4096]
"""


def _load(name: str) -> Json:
    return yaml.safe_load((_FOLDER / name).read_text())


def _containers(deployment: Json) -> list[Json]:
    return list(deployment["spec"]["template"]["spec"]["containers"])


@dataclass(frozen=True, slots=True)
class Pod:
    """The pod of the deployment."""

    engine: Engine
    address: str

    def get(self, path: str, host: str = "opencoderouter:8080", secret: str = "") -> http.Reply:
        """Ask the router under a name."""
        headers = {"Host": host}
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        return http.request("GET", f"http://{self.address}:8080/{path}", headers=headers)

    def healthy(self, name: str) -> bool:
        """Tell whether the probe of a container passes."""
        return self.engine.call("healthcheck", "run", self.container(name)).returncode == 0

    def container(self, name: str) -> str:
        """Return the name that podman gives to a container."""
        return f"{_POD}-pod-0-{name}"


@contextmanager
def _playing(podman: Engine, file: Path, pod: str) -> Iterator[str]:
    """Run a manifest; yield the address of its pod."""
    try:
        podman.run("play", "kube", file)
        infra = podman.run("pod", "inspect", "--format", "{{.InfraContainerID}}", pod)
        address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        yield podman.run("inspect", "--format", address, infra)
    finally:
        podman.call("pod", "kill", pod)
        podman.run("pod", "rm", "--force", "--ignore", pod)


def _adapted(server: str) -> Json:
    """Return the deployment, with what podman 4.3 does not do done by hand.

    It has no secrets of Kubernetes' form, and would open each port on this machine.
    """
    deployment = _load("deployment.yaml")
    deployment["metadata"]["name"] = _POD
    secret = {"OCR_PASSWORD": _PASSWORD, "OCR_BACKEND": f"shop=http://{server}:4096"}
    for container in _containers(deployment):
        del container["ports"]
        container["image"] = "localhost/opencoderouter:latest"
        if container.pop("envFrom", None):
            container["env"] += [{"name": name, "value": value} for name, value in secret.items()]
        for one in container["env"]:
            if taken := one.pop("valueFrom", None):
                one["value"] = secret[taken["secretKeyRef"]["key"]]
    return deployment


@pytest.fixture(scope="module")
def pod(
    podman: Engine, podman_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pod]:
    """Run the deployment, and a pod with a server that it leads to."""
    assert podman_image
    folder = tmp_path_factory.mktemp("kubernetes")
    server, router = folder / "server.yaml", folder / "router.yaml"
    server.write_text(_SERVER)
    with _playing(podman, server, "ocr-rig-server") as address:
        router.write_text(yaml.safe_dump(_adapted(address)))
        with _playing(podman, router, f"{_POD}-pod-0") as own:
            yield Pod(podman, own)


@pytest.mark.parametrize("name", _FILES)
def test_valid(name: str) -> None:
    """Kubernetes' own schema takes it, with no field that is not one."""
    kubernetes_validate.validate(_load(name), desired_version="1.31", strict=True)


def test_kustomization() -> None:
    """The kustomization has all files, and none twice."""
    assert tuple(_load("kustomization.yaml")["resources"]) == _FILES
    here = {path.name for path in _FOLDER.iterdir()}
    assert here == {*_FILES, "kustomization.yaml"}


def test_parts_fit_together() -> None:
    """The service leads to ports that the deployment has; it and the policy select its pods."""
    deployment, service = _load("deployment.yaml"), _load("service.yaml")["spec"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == service["selector"] == labels
    ports = {
        (port["name"], port.get("protocol", "TCP"))
        for container in _containers(deployment)
        for port in container["ports"]
    }
    wanted = {(port["targetPort"], port.get("protocol", "TCP")) for port in service["ports"]}
    assert wanted == ports
    (rule,) = _load("networkpolicy.yaml")["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": labels}}]


def test_confined() -> None:
    """The pod passes the restricted standard for pods, and nobody has a token of the cluster."""
    pod = _load("deployment.yaml")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
    assert {"name": "OCR_AUTH", "value": "always"} in pod["containers"][0]["env"]


def test_dns_has_one_secret() -> None:
    """The DNS server, which takes packets from anybody, has the password and nothing else."""
    router, dns = _containers(_load("deployment.yaml"))
    (password,) = dns["env"]
    reference = {"name": "opencoderouter", "key": "OCR_PASSWORD"}
    assert password == {"name": "OCR_TOKEN", "valueFrom": {"secretKeyRef": reference}}
    assert "envFrom" not in dns
    assert router["envFrom"] == [{"secretRef": {"name": "opencoderouter"}}]
    shared = {one["name"] for one in dns["volumeMounts"]} & {
        one["name"] for one in router["volumeMounts"]
    }
    assert shared == set()


def test_probes(pod: Pod) -> None:
    """The commands of the probes pass; kubelet's own question, to the address, is answered."""
    for name in ("router", "dns"):
        until(partial(pod.healthy, name))
    reply = pod.get("api/health", host=f"{pod.address}:8080")
    assert (reply.status, reply.json) == (200, {"healthy": True})


def test_routes_to_a_server_of_the_cluster(pod: Pod) -> None:
    """Who shows the password, and nobody else, comes to a server in another pod."""
    until(lambda: pod.get("shop/session", secret=_PASSWORD).status == 200)
    assert pod.get("shop/session", secret=_PASSWORD).json == []
    assert pod.get("shop/session").status == 401
    assert pod.get("api/health", host="elsewhere.example.com").status == 421


def test_nobody_is_free_in_the_pod(pod: Pod) -> None:
    """Another container of the pod, with the same uid and network, needs the password, too."""
    ask_it = "import urllib.request as r; r.urlopen('http://localhost:8080/api/backends')"
    done = pod.engine.call("exec", pod.container("dns"), "python3", "-c", ask_it)
    assert "401" in done.stderr
    assert "shop" in pod.engine.run("exec", pod.container("router"), "ocr-router", "ls")


def test_dns_beside_it(pod: Pod) -> None:
    """The DNS server of the pod has the projects' names, and they lead to the pod."""

    def answer() -> Reply | str:
        return ask(pod.address, 8053, "shop-team.local", "A", within=2)

    until(lambda: isinstance(one := answer(), Reply) and pod.address in one.addresses, what=answer)
