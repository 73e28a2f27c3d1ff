# Sourced by tools that work in Debian roots: folders with a whole Debian of a release, made once by debootstrap,
# in $XDG_CACHE_HOME/goes_store (~/.cache/goes_store). Delete a folder there to have it made anew. Needs root,
# for chroot.
# shellcheck shell=sh

cache=${XDG_CACHE_HOME:-$HOME/.cache}/goes_store

# make_root SUITE NAME: a Debian of that release in the folder NAME, which appears when it is whole.
make_root() {
    [ ! -d "$cache/$2" ] || return 0
    mkdir -p "$cache"
    as_root rm -rf "$cache/$2.unfinished"
    # A release that is newer than this machine's debootstrap is made as sid is.
    script=/usr/share/debootstrap/scripts/$1
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
    as_root debootstrap --variant=minbase --include=make "$1" "$cache/$2.unfinished" \
        "${DEBIAN_MIRROR:-}" "$script" || fail "debootstrap failed"
    # A mirror that lags behind serves an expired list of packages; the packages are still signed.
    say 'Acquire::Check-Valid-Until "false";' |
        as_root tee "$cache/$2.unfinished/etc/apt/apt.conf.d/99lagging-mirror" >/dev/null
    # What a crash spoils can be made again, so dpkg need not wait for the disk with each file.
    say force-unsafe-io | as_root tee "$cache/$2.unfinished/etc/dpkg/dpkg.cfg.d/unsafe-io" >/dev/null
    as_root mv "$cache/$2.unfinished" "$cache/$2"
}

# copy_sources FOLDER: this working tree, without what git ignores.
copy_sources() {
    as_root rm -rf "$1"
    update_sources "$1"
}

# update_sources FOLDER: the same into a folder that keeps what was built there.
update_sources() {
    as_root mkdir -p "$1"
    git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2>/dev/null |
        tar -cf - -T - | as_root tar -xf - -C "$1" --no-same-owner
}

# in_root NAME UNSHARE-ARGUMENTS COMMAND: runs a shell command in a root's copy of the sources, /goes_store, in
# namespaces of its own, so that nothing stays mounted or running.
in_root() {
    # shellcheck disable=SC2016,SC2086
    as_root unshare --mount --pid --fork --kill-child $2 sh -c "$enter" sh "$cache/$1" "cd /goes_store && $3"
}

# ready_root SUITE: a root with the sources and the packages that the tests need.
ready_root() {
    make_root "$1" "$1" && copy_sources "$cache/$1/goes_store" && in_root "$1" "" "tools/packages test shards"
}

# in_copy NAME FOLDER COMMAND: runs a shell command in a copy of a root that is gone afterwards; FOLDER is its
# /mnt.
in_copy() {
    # shellcheck disable=SC2016
    as_root unshare --mount --pid --fork --kill-child sh -c '
        space=/run/goes_store_copy && mkdir -p "$space" && mount -t tmpfs tmpfs "$space" &&
        mkdir "$space/new" "$space/work" "$space/root" &&
        mount -t overlay overlay -o "lowerdir=$1,upperdir=$space/new,workdir=$space/work" "$space/root" &&
        mount --bind "$2" "$space/root/mnt" &&
        exec sh -c "$3" sh "$space/root" "cd /mnt && $4"' sh "$cache/$1" "$2" "$enter" "$3"
}

# What both do in their namespaces. A loopback network of its own is down at first.
# shellcheck disable=SC2016
enter='
    ip link set lo up 2>/dev/null || true
    mount -t proc proc "$1/proc" &&
    mkdir -p "$1/dev/shm" && mount -t tmpfs tmpfs "$1/dev/shm" &&
    cp /etc/resolv.conf "$1/etc/resolv.conf" &&
    exec chroot "$1" env -i HOME=/root PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive sh -c "$2"'
