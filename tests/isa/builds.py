"""Building the program `fingerprints` and the command line as one line of a list asks for: compiler, flags, library sources."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Failure(Exception):
    """What went wrong in a build or a leg, in a sentence."""


def run(command, log):
    # Debian's emscripten runs JavaScript whose modules are the system's.
    environment = {"NODE_PATH": "/usr/share/nodejs", **os.environ}
    with open(log, "w", encoding="utf-8") as f:
        try:
            code = subprocess.run(command, stdout=f, stderr=subprocess.STDOUT, env=environment).returncode
        except OSError as e:
            raise Failure(f"{command[0]} cannot be run: {e.strerror}; install it") from None
    if code != 0:
        with open(log, encoding="utf-8", errors="replace") as f:
            tail = "".join(f.readlines()[-25:])
        raise Failure(f"{' '.join(command[:3])} ... failed ({code}); the log is {log}\n{tail}")


def require_packages(packages, install):
    """Where the system has Debian's packages: installs those that are missing, or names them and stops."""
    packages = sorted(packages)
    if not packages or not shutil.which("dpkg-query"):
        return
    query = subprocess.run(["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *packages], capture_output=True, text=True)
    installed = {line.split()[0].split(":")[0] for line in query.stdout.splitlines() if line.endswith(" installed")}
    absent = [p for p in packages if p not in installed]
    if absent and install:
        print(f"installing {' '.join(absent)}", flush=True)
        for command in (["update"], ["install", "-y", "--no-install-recommends", *absent]):
            try:
                ran = subprocess.run(["apt-get", "-qq", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                     errors="replace", env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
            except OSError as e:
                raise SystemExit(f"apt-get cannot be run: {e.strerror}; install these packages by hand: {' '.join(absent)}") from None
            if ran.returncode != 0:
                said = ([line for line in ran.stderr.splitlines() if line.strip()] or ["it does not say why"])[-1]
                raise SystemExit(f"apt-get {command[0]} failed: {said}; install these packages by hand: {' '.join(absent)}")
    elif absent:
        raise SystemExit(f"these packages are missing, without which legs cannot be tried: apt-get install {' '.join(absent)}")


def emscripten(spec):
    return spec["cxx"] == "em++"


def build(name, spec, work, folders, highways):
    """Configures and builds; returns its folder."""
    folder = os.path.join(work, name)
    os.makedirs(folder, exist_ok=True)
    cxx = spec["cxx"]
    if not shutil.which(cxx):  # on systems whose packages are not Debian's, or that were not asked for
        raise Failure(f"{cxx} is missing; install it (Debian's packages: {' '.join(spec.get('packages', [cxx]))})")
    cc = cxx.replace("clang++", "clang").replace("g++", "gcc").replace("em++", "emcc")
    flags = spec.get("flags", "")
    link = spec.get("link", "" if "processor" not in spec else "-static")
    options = [f"-DCMAKE_CXX_COMPILER={cxx}", f"-DCMAKE_C_COMPILER={cc}", *spec.get("options", [])]
    if "processor" in spec:
        options += ["-DCMAKE_SYSTEM_NAME=" + ("Emscripten" if emscripten(spec) else "Linux"),
                    f"-DCMAKE_SYSTEM_PROCESSOR={spec['processor']}"]
    if emscripten(spec):
        flags += " -fexceptions"
        link = "-fexceptions -sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1 -sEXIT_RUNTIME=1 -sTOTAL_STACK=4MB"
        options += ["-DCMAKE_CROSSCOMPILING=ON", "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
                    "-DTHREADS_PREFER_PTHREAD_FLAG=OFF", "-DCMAKE_HAVE_LIBC_PTHREAD=ON"]
    if "--target=" in flags:
        link += " -fuse-ld=lld-19"
    options += [f"-DCMAKE_CXX_FLAGS={flags}", f"-DCMAKE_C_FLAGS={flags}", f"-DCMAKE_EXE_LINKER_FLAGS={link}"]
    options += [f"-DFETCHCONTENT_SOURCE_DIR_{library}={path}" for library, path in folders.items()]
    options += [f"-DFETCHCONTENT_SOURCE_DIR_HIGHWAY={highways[spec['highway']]}"]
    run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", f"-DCMAKE_BUILD_TYPE={spec.get('type', 'Release')}", "-DINVAR_SYSTEM_LIBS=OFF",
         "-DINVAR_BUILD_TESTS=OFF", "-DINVAR_BUILD_BENCH=OFF", "-DINVAR_BUILD_FINGERPRINTS=ON", *options],
        os.path.join(folder, "configure.log"))
    run(["cmake", "--build", folder, "-j", str(os.cpu_count() or 1), "--target", "fingerprints", "campaign", "invar"],
        os.path.join(folder, "build.log"))
    return folder


def must_refuse(spec, highway):
    """The compiler must refuse the committed kernels under these flags, for the reason given."""
    command = [spec["cxx"], "-std=c++20", "-fsyntax-only", *spec["flags"].split(), f"-I{ROOT}", f"-I{ROOT}/include", f"-I{ROOT}/generated", f"-I{highway}",
               os.path.join(ROOT, "generated", "reduce.cc")]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode == 0 or spec["says"] not in result.stderr:
        raise Failure(f"{' '.join(command[:1] + spec['flags'].split())} did not refuse, saying '{spec['says']}':\n{result.stderr[-1000:]}")


def stop(failures):
    """The exit status of a script that met these failures, said again at the end."""
    for failure in failures:
        print("FAILED " + failure.splitlines()[0], file=sys.stderr)
    return 1 if failures else 0
