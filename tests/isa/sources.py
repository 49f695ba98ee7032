"""Sources of the libraries for builds that cannot use the system's: another processor's, or a newer Highway.

Archives come from the system's package sources (.ci/fetch-archives); Highway 1.3.0 from NumPy's source distribution, which
carries it whole. Each is checked by hash, whoever gave it.
"""
import hashlib
import http.client
import os
import re
import shutil
import subprocess
import tarfile
import urllib.parse
import urllib.request

ARCHIVES = {  # CMake's name for the library: (file, sha256)
    "HIGHWAY": ("highway_1.0.3.orig.tar.gz", "566fc77315878473d9a6bd815f7de78c73734acdcb745c3dde8579560ac5440e"),
    "EIGEN": ("eigen3_3.4.0.orig.tar.bz2", "b4c198460eba6f28d34894e3a5710998818515104d6e74e5cc331ce31e46e626"),
    "JSON": ("nlohmann-json3_3.11.2.orig.tar.gz", "d69f9deb6a75e2580465c6c4c5111b89c4dc2fa94e3a85fcd2ffcd9a143d9273"),
    "MBEDTLS": ("mbedtls_2.28.3.orig.tar.gz", "3b4953aa55a681e084d31892d9904cc5328d6b4958ea57b90ae4b4f94ae69a8d"),
    "CLI11": ("cli11_2.1.2+ds.orig.tar.xz", "8143d20b688e98ccce8e24562d3b68e5f47c12e896c42c7ca8553dbde5bed55d"),
}
NUMPY = ("numpy", "numpy-2.4.6.tar.gz", "f3a3570c4a2a16746ac2c31a7c7c7b0c186b95ce902e33db6f28094ed7387dda")


def stop(what, why, instead):
    """What is not at hand is no defect of ours: one sentence, and no traceback."""
    raise SystemExit(f"{what} cannot be had: {' '.join(str(why).split())}; {instead}")


def checked(path, sha256):
    with open(path, "rb") as f:
        found = hashlib.file_digest(f, "sha256").hexdigest()
    if found != sha256:
        raise SystemExit(f"{path} has the hash {found}, but {sha256} is pinned; remove it and try again")
    return path


def extract(archive, folder, inside=""):
    """The archive's single top folder, or the part of it that is named, as `folder`. It appears whole or not at all."""
    if os.path.isdir(folder):
        return folder
    half = folder + ".part"
    subprocess.run(["rm", "-rf", half], check=True)
    with tarfile.open(archive) as tar:
        top = tar.next().name.split("/")[0]
        prefix = "/".join(filter(None, [top, inside])) + "/"
        for member in tar.getmembers():
            if member.name.startswith(prefix):
                member.name = member.name[len(prefix):]
                tar.extract(member, half)  # pinned by hash: its paths are known
    os.rename(half, folder)
    return folder


def from_package_index(project, file, target):
    """pip would build a source distribution to learn its metadata; this only downloads it, from pip's own index."""
    if os.path.exists(target):
        return target
    configured = subprocess.run(["python3", "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True)
    index = os.environ.get("PIP_INDEX_URL") or configured.stdout.strip()
    if not index:
        index = subprocess.run(["python3", "-c", "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"],
                               capture_output=True, text=True).stdout.strip()
    by_hand = f"put it into {os.path.dirname(target)} by hand"
    if not index:
        stop(file, "python3 has no pip that names a package index", f"install python3-pip or {by_hand}")
    page_url = f"{index.rstrip('/')}/{project}/"
    try:
        with urllib.request.urlopen(page_url) as page:
            links = re.findall(r'href="([^"]+)"', page.read().decode())
        link = next((x for x in links if x.split("#")[0].endswith("/" + file)), None)
        if link is None:
            stop(file, f"{page_url} does not list it", by_hand)
        with urllib.request.urlopen(urllib.parse.urljoin(page_url, link.split("#")[0])) as response, open(target + ".part", "wb") as f:
            while chunk := response.read(1 << 20):
                f.write(chunk)
    except (OSError, ValueError, http.client.HTTPException) as e:  # offline, no such address, cut off; URLError is an OSError
        stop(file, f"{page_url}: {e}", by_hand)
    os.rename(target + ".part", target)
    return target


def fetch_archives(root, archives):
    by_hand = f"put {', '.join(file for file, _ in ARCHIVES.values())} into {archives} by hand"
    if not shutil.which("apt-get"):
        stop("the libraries' sources", "this system has no apt-get", by_hand)
    fetched = subprocess.run([os.path.join(root, ".ci", "fetch-archives"), archives], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             text=True, errors="replace")
    missing = [file for file, _ in ARCHIVES.values() if not os.path.exists(os.path.join(archives, file))]
    if fetched.returncode != 0 or missing:
        said = [line for line in fetched.stderr.splitlines() if line.strip()]
        why = said[-1] if said else f"the package sources have no {', '.join(missing)}"
        stop("the libraries' sources", f"{why} (.ci/fetch-archives, exit status {fetched.returncode})", f"go online, or {by_hand}")


def prepare(root, work, highway_versions):
    """{library: folder} of everything but Highway, and {version: folder} of Highway."""
    archives = os.path.join(work, "archives")
    try:
        os.makedirs(os.path.join(work, "sources"), exist_ok=True)
    except OSError as e:
        stop(f"the folder {work}", e.strerror, "give another by --work")
    if not all(os.path.exists(os.path.join(archives, file)) for file, _ in ARCHIVES.values()):
        fetch_archives(root, archives)
    folders = {}
    for name, (file, sha256) in ARCHIVES.items():
        folders[name] = extract(checked(os.path.join(archives, file), sha256), os.path.join(work, "sources", name.lower()))
    highways = {"1.0.3": folders.pop("HIGHWAY")}
    if "1.3.0" in highway_versions:
        project, file, sha256 = NUMPY
        archive = checked(from_package_index(project, file, os.path.join(archives, file)), sha256)
        highways["1.3.0"] = extract(archive, os.path.join(work, "sources", "highway-1.3.0"), "numpy/_core/src/highway")
    return folders, highways
