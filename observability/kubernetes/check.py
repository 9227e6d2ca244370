#!/usr/bin/env python3
"""Whether the manifests are well-formed YAML and fit each other: files that are named are there, and so are the config
maps, accounts, ports and services that one document expects of another. What a cluster would say, as far as it can be
said without one.
"""

import pathlib
import sys

import yaml

ROOT = pathlib.Path(__file__).parent.parent
faults = []


def expect(truth, fault):
    if not truth:
        faults.append(fault)


def documents(path):
    return [document for document in yaml.safe_load_all((ROOT / path).read_text()) if document]


def deployment(path, document, maps, accounts):
    name = document["metadata"]["name"]
    template = document["spec"]["template"]
    labels = template["metadata"]["labels"]
    expect(document["spec"]["selector"]["matchLabels"].items() <= labels.items(), f"{path}: {name} does not select its pods")
    pod = template["spec"]
    expect(pod["securityContext"]["runAsNonRoot"], f"{path}: {name} may run as root")
    account = pod.get("serviceAccountName")
    expect(account is None or account in accounts, f"{path}: there is no account {account}")
    volumes = {volume["name"] for volume in pod["volumes"]}
    for volume in pod["volumes"]:
        named = volume.get("configMap", {}).get("name")
        expect(named is None or named in maps, f"{path}: there is no config map {named}")
    for container in pod["containers"]:
        ports = {port["name"] for port in container["ports"]}
        expect(all(len(port) <= 15 for port in ports), f"{path}: a port's name is too long")
        expect(container["readinessProbe"]["httpGet"]["port"] in ports, f"{path}: the probe has no port")
        expect(":" in container["image"], f"{path}: {container['image']} names no version")
        expect("memory" in container["resources"]["limits"], f"{path}: {name} may take all memory")
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        expect(mounted == volumes, f"{path}: {mounted ^ volumes} is mounted or there, not both")
    return name, labels, {port["name"] for container in pod["containers"] for port in container["ports"]}


def main():
    kustomization = documents("kustomization.yaml")[0]
    maps = {}
    for generator in kustomization["configMapGenerator"]:
        files = [file.split("=") for file in generator["files"]]
        for file in files:
            expect((ROOT / file[-1]).is_file(), f"kustomization.yaml names {file[-1]}, which is not there")
        maps[generator["name"]] = {pathlib.Path(file[0]).name for file in files}
    boards = {path.name for path in (ROOT / "grafana").glob("*.json")}
    expect(maps["grafana-dashboards"] == boards, "kustomization.yaml does not have every dashboard")
    resources = {path: documents(path) for path in kustomization["resources"]}
    everything = [document for found in resources.values() for document in found]
    accounts = {document["metadata"]["name"] for document in everything if document["kind"] == "ServiceAccount"}
    services = {document["metadata"]["name"]: document for document in everything if document["kind"] == "Service"}
    for path, found in resources.items():
        pods = [deployment(path, document, maps, accounts) for document in found if document["kind"] == "Deployment"]
        for name, labels, ports in pods:
            service = services.get(name)
            expect(service is not None, f"{path}: {name} has no service")
            spec = (service or {}).get("spec", {"selector": {}, "ports": []})
            expect(spec["selector"].items() <= labels.items(), f"{path}: the service {name} finds no pods")
            expect(all(port["targetPort"] in ports for port in spec["ports"]), f"{path}: the service {name} has a port too many")
    for path in ["prometheus/prometheus.yaml", "kubernetes/scrape.yaml"]:
        for rules in documents(path)[0]["rule_files"]:
            expect((ROOT / "prometheus" / rules).is_file() and rules in maps["prometheus"], f"{path} names {rules}")
    compose = documents("compose.yaml")[0]["services"]
    for name, service in compose.items():
        for volume in service["volumes"]:
            expect((ROOT / volume.split(":")[0]).exists(), f"compose.yaml: {name} mounts what is not there: {volume}")
        expect(all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), f"compose.yaml: {name} is open to others")
        mine = [image["image"] for image in (
            container for document in everything if document["kind"] == "Deployment"
            and document["metadata"]["name"] == name for container in document["spec"]["template"]["spec"]["containers"])]
        expect(mine in ([], [service["image"]]), f"compose.yaml and the manifests run other versions of {name}")
    collector = documents("collector/config.yaml")[0]
    for name, pipeline in collector["service"]["pipelines"].items():
        for part in ["receivers", "processors", "exporters"]:
            expect(set(pipeline[part]) <= set(collector[part]), f"collector/config.yaml: {name} uses what is not there")
    for exporter in collector["exporters"].values():
        host = exporter["endpoint"].split("//")[-1].split(":")[0]
        expect(host in services and host in compose, f"collector/config.yaml sends to {host}, which nobody is")
    if faults:
        sys.exit("\n".join(faults))


main()
