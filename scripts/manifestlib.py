"""Reads kustomizations as objects, and has small functions on such objects."""

import re
import shutil
import subprocess
from pathlib import Path

import yaml

WORKLOADS = {"Deployment", "StatefulSet", "Job", "DaemonSet"}
WITHOUT_NAMESPACE = {"Namespace", "ClusterRole", "ClusterRoleBinding"}


def render(folder):
    """The objects of a rendered kustomization; without kubectl it is read here."""
    if shutil.which("kubectl"):
        run = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True)
        if run.returncode != 0:
            raise ValueError(run.stderr.strip())
        return [item for item in yaml.safe_load_all(run.stdout) if item]
    return read_together(folder)


def read_together(folder):
    """Without kubectl: resources and generated ConfigMaps, but no patches."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    items = []
    for name in kustomization.get("resources", []):
        path = folder / name
        if path.is_dir():
            items += read_together(path)
        else:
            items += [item for item in yaml.safe_load_all(path.read_text()) if item]
    for entry in kustomization.get("configMapGenerator", []):
        data = {}
        for file in entry.get("files", []):
            key, _, path = file.rpartition("=")
            data[key or Path(path).name] = (folder / path).read_text()
        for path in entry.get("envs", []):
            lines = (folder / path).read_text().splitlines()
            data |= dict(line.split("=", 1) for line in lines if line and line[0] != "#")
        items.append({"apiVersion": "v1", "kind": "ConfigMap", "data": data, "metadata": {
            "name": entry["name"], "labels": entry.get("options", {}).get("labels", {})}})
    for item in items:
        if item["kind"] not in WITHOUT_NAMESPACE:
            item["metadata"].setdefault("namespace", kustomization.get("namespace"))
        for pod in [pod_of(item)] if pod_of(item) else []:
            for container in pod["containers"]:
                for image in kustomization.get("images", []):
                    if container["image"] == image["name"]:
                        name = image.get("newName", image["name"])
                        container["image"] = f"{name}:{image['newTag']}"
    return items


def pod_of(item):
    if item["kind"] not in WORKLOADS:
        return None
    return item["spec"]["template"]["spec"]


def labels_of(item):
    return item["spec"]["template"]["metadata"].get("labels", {})


def name_of(item):
    return f"{item['kind']}/{item['metadata']['name']}"


def matches(selector, labels):
    return all(labels.get(key) == value for key, value in (selector or {}).items())


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]


def size(text):
    number, unit = re.fullmatch(r"([\d.]+)([KMG]i|m?)", str(text)).groups()
    return float(number) * {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "": 1, "m": 0.001}[unit]


def spread_selectors(pod):
    for constraint in pod.get("topologySpreadConstraints", []):
        yield constraint["labelSelector"]["matchLabels"]
    affinity = pod.get("affinity", {}).get("podAntiAffinity", {})
    for term in affinity.get("preferredDuringSchedulingIgnoredDuringExecution", []):
        yield term["podAffinityTerm"]["labelSelector"]["matchLabels"]
