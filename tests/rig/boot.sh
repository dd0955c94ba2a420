# The machine of booted.py: systemd as its first process, on a copy of this one's files.
#
#     unshare --pid --fork --kill-child --mount --cgroup --uts --ipc --net sh boot.sh ...
#
# What it writes is kept in memory and gone with it. The program is at /opt/ocr: this checkout's
# sources, and the packages that the tests run with.
set -eu
work=$1 prefix=$2 name=$3 site=$4 checkout=$5

mount --make-rprivate /
mount -t tmpfs tmpfs "$work"
root=$work/root
mkdir "$root" "$work/upper" "$work/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for folder in run tmp dev var/log/journal; do
  mkdir -p "$root/$folder"
  mount -t tmpfs -o mode=755 tmpfs "$root/$folder"
done
chmod 1777 "$root/tmp"
for device in null zero full random urandom tty; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

shared() { # what of this machine, where
  mkdir -p "$root/opt/ocr/$2"
  mount --bind "$1" "$root/opt/ocr/$2"
  mount -o remount,bind,ro "$root/opt/ocr/$2"
}
shared "$prefix" python
shared "$site" site
shared "$checkout/src" src
shared "$checkout/deploy" deploy

# Nothing of this machine's is started but what the units need.
rm -rf "$root/etc/systemd/system" "$root/etc/systemd/user" "$root/var/lib/systemd/linger"
rm -rf "$root/lib/systemd/system/"*.wants "$root/lib/systemd/user/"*.wants
mkdir -p "$root/etc/systemd/system"
cat >"$root/etc/systemd/system/rig.target" <<END
[Unit]
Wants=systemd-journald.service systemd-journal-flush.service dbus.service systemd-logind.service
END
: >"$root/etc/machine-id"
echo 'alice:x:4321:4321::/home/alice:/bin/bash' >>"$root/etc/passwd"
echo 'alice:x:4321:' >>"$root/etc/group"
echo 'alice:*:19000::::::' >>"$root/etc/shadow"


# OpenCode is the stand-in; Python is that of the tests.
program() { # where, and the module whose main() it runs
  mkdir -p "${1%/*}"
  cat >"/$root/opt/ocr/${1##*/}" <<END
import sys
sys.path[:0] = ["/opt/ocr/src", "/opt/ocr/site"]
from opencoderouter.$2 import main
main()
END
  cat >"$1" <<END
#!/bin/sh
LD_LIBRARY_PATH=/opt/ocr/python/lib exec /opt/ocr/python/bin/$name /opt/ocr/${1##*/} "\$@"
END
  chmod 755 "$1"
}
program "$root/usr/local/bin/ocr-router" cli.router
program "$root/home/alice/.opencode/bin/opencode" standin.__main__
mkdir -p "$root/home/alice/.local/bin" "$root/home/alice/shop" "$root/home/alice/blog"
ln -s /usr/local/bin/ocr-router "$root/home/alice/.local/bin/"
chown -R 4321:4321 "$root/home/alice"

hostname rig
ip link set lo up
ip link add lan0 type veth peer name lan1 # an address that others could reach
ip address add 198.18.0.1/24 dev lan0
ip link set lan0 up
ip link set lan1 up

cd "$root"
mkdir old
pivot_root . old
umount -l /old
exec env -i PATH="$PATH" container=rig /lib/systemd/systemd --system --unit=rig.target \
  --log-target=journal --show-status=no </dev/null
