"""The assisted image service: each InfraEnv gets the URL of its discovery image, which is made as it is fetched."""

from __future__ import annotations

import json
import logging
import threading
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lab.layout import IMAGE_PORT
from lab.physics import conditions, iso
from lab.physics.resources import (
    AGENT, INFRA_ENV, INFRA_ENV_FINALIZER, INFRA_ENV_LABEL, NMSTATE_CONFIG, SECRET, is_deleting, key_of, label, matches)
from lab.physics.world import World

log = logging.getLogger(__name__)


def reconcile(world: World, infra_env: dict) -> None:
    """An InfraEnv with a usable pull secret has an image; one that is deleted takes its unbound Agents along."""
    if is_deleting(infra_env):
        _delete(world, infra_env)
        return
    infra_env = world.add_finalizer(INFRA_ENV, infra_env, INFRA_ENV_FINALIZER)
    namespace, created = infra_env["metadata"]["namespace"], conditions.status_of(infra_env, "ImageCreated") == "True"
    problem = None if created else pull_secret_problem(world, namespace, infra_env["spec"]["pullSecretRef"])
    if problem:
        world.set_status(INFRA_ENV, infra_env, {"conditions": conditions.merged(infra_env, [
            ("ImageCreated", False, "ImageCreationError", f"Failed to create image: {problem}")])})
        return
    status = infra_env.get("status", {})
    world.set_status(INFRA_ENV, infra_env, {
        "isoDownloadURL": image_url(world, infra_env),
        "createdTime": status.get("createdTime") or conditions.now(),
        "agentLabelSelector": {"matchLabels": {INFRA_ENV_LABEL: infra_env["metadata"]["name"]}},
        "conditions": conditions.merged(infra_env, [
            ("ImageCreated", True, "ImageCreated", "Image has been created")]),
    })


def image_url(world: World, infra_env: dict) -> str:
    spec, uid = infra_env["spec"], infra_env["metadata"]["uid"]
    kind = spec.get("imageType", "minimal-iso").removesuffix("-iso")
    return (f"http://{world.layout.image_address}:{IMAGE_PORT}/byid/{uid}/"
            f"{spec.get('cpuArchitecture', 'x86_64')}/{kind}.iso")


def pull_secret_problem(world: World, namespace: str, reference: dict) -> str | None:
    """Why nothing can be pulled with this secret, or None."""
    secret = world.hub.get(SECRET, namespace, reference["name"]) if reference.get("name") else None
    if secret is None:
        return f"pull secret {namespace}/{reference.get('name', '')} not found"
    try:
        json.loads(b64decode(secret["data"][".dockerconfigjson"]))["auths"]
    except (KeyError, TypeError, ValueError):
        return f"secret {namespace}/{reference['name']} did not contain a valid .dockerconfigjson"
    return None


def _delete(world: World, infra_env: dict) -> None:
    namespace, name = key_of(infra_env)
    agents = [agent for agent in world.items(AGENT)
              if key_of(agent)[0] == namespace and label(agent, INFRA_ENV_LABEL) == name]
    if any(agent["spec"].get("clusterDeploymentName") for agent in agents):
        world.complain((INFRA_ENV.kind, namespace, name), "cannot be deleted while its hosts are bound")
        return
    for agent in agents:
        world.delete(AGENT, agent)
    if not agents:
        world.drop_finalizer(INFRA_ENV, infra_env, INFRA_ENV_FINALIZER)


def content(world: World, uid: str) -> dict | None:
    """What the image of the InfraEnv with this UID holds now, or None when there is no such InfraEnv."""
    for infra_env in world.items(INFRA_ENV):
        if infra_env["metadata"]["uid"] == uid and not is_deleting(infra_env):
            namespace, name = key_of(infra_env)
            selector = infra_env["spec"].get("nmStateConfigLabelSelector")
            return {
                "namespace": namespace, "infra_env": name,
                "authorized_key": infra_env["spec"].get("sshAuthorizedKey", ""),
                "networks": [item["spec"] for item in world.items(NMSTATE_CONFIG) if key_of(item)[0] == namespace
                             and matches(selector, item["metadata"].get("labels", {}))],
            }
    return None


def serve(world: World) -> ThreadingHTTPServer:
    """Serve the images at the layout's image address, in threads of their own."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = self.path.split("?")[0].split("/")
            found = content(world, parts[2]) if len(parts) == 5 and parts[1] == "byid" else None
            if found is None:
                self.send_error(404)
                return
            image = iso.build(found)
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(image)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(image)

        do_HEAD = do_GET

        def log_message(self, template: str, *values) -> None:
            log.debug(template, *values)

    ThreadingHTTPServer.allow_reuse_address = True
    server = ThreadingHTTPServer((world.layout.image_address, IMAGE_PORT), Handler)
    threading.Thread(target=server.serve_forever, daemon=True, name="images").start()
    return server
