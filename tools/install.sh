#!/usr/bin/env bash
# Fill an environment: tools/install.sh PYTHON VENV. Says in one line what is wrong where it cannot.
set -euo pipefail
python=$1 venv=$2
need_mb=6000

fail() { echo "feelm: $*" >&2; exit 1; }

command -v "$python" >/dev/null || fail "no $python found: install Python 3.11 or newer, or run make PYTHON=/path/to/python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old: Python 3.11 or newer is needed (make PYTHON=/path/to/python3.11)"
free_mb=$(df -Pm . | awk 'NR == 2 { print $4 }')
[ -x "$venv/bin/feelm" ] || [ "$free_mb" -ge "$need_mb" ] ||
    fail "the disk is too full: $free_mb MB free here, $need_mb MB are needed for packages and weights"

if [ ! -x "$venv/bin/python" ]; then
    "$python" -m venv "$venv" || fail "$python cannot make an environment: install its venv module (Debian: apt install python3-venv)"
fi
pip() { "$venv/bin/python" -m pip --quiet "$@"; }

echo "Installing packages into $venv (the first time takes some minutes) ..."
# torch first and pinned: asked for by a range, the registry's newest build brings several GB of CUDA packages.
pip install 'torch==2.13.0' || fail "torch 2.13.0 could not be installed (see above): is a package index reachable?"
pip install --editable '.[dev]' || fail "the packages could not be installed (see above): is a package index reachable, is the disk full?"

# opencv-python needs libGL; where it is missing, the headless build of the same version, never both: they share one folder.
has() { "$venv/bin/python" -c "from importlib.metadata import version; version('$1')" 2>/dev/null; }
if has opencv-python-headless || ! "$venv/bin/python" -c 'import cv2' 2>/dev/null; then
    version=$("$venv/bin/python" -c 'from importlib.metadata import version; print(version("opencv-python"))')
    pip uninstall --yes opencv-python opencv-python-headless
    pip install --no-deps "opencv-python-headless==$version" || fail "opencv-python-headless $version could not be installed"
    "$venv/bin/python" -c 'import cv2' || fail "opencv does not import, with or without a display"
fi

echo "Fetching pretrained weights ..."
"$venv/bin/python" -m corpus.weights fetch || fail "the pretrained weights could not be fetched (see above)"

# librosa compiles its kernels at first use; once here rather than in every worker of the first run.
"$venv/bin/python" -c 'import librosa, numpy; librosa.feature.mfcc(y=numpy.zeros(16000, "float32"), sr=16000)' || fail "librosa does not run"
