#!/bin/sh
# The first process of a running lab server: builds the image's file system around itself, tells that it runs, and then
# only waits. It starts in new mount, UTS, IPC and PID namespaces and in the server's network; killing it is power-off.
#
# The image is the host's /usr, read only, with an /etc of its own: it has sh, ip, ping, arping and sshd. The host's
# files, devices and settings cannot be reached, so that whatever is typed in a server stays in the lab.
#
# Arguments: the mount point to use, the prepared /etc, the host name.
set -eu

mount_point=$1
prepared_etc=$2
host_name=$3

# /proc is still the host's here: this is the process id that the host sees.
read -r pid _ < /proc/self/stat

echo "$host_name" > /proc/sys/kernel/hostname
mount -t tmpfs -o mode=755,size=16m server "$mount_point"
cd "$mount_point"
mkdir -p dev/pts host proc root run/sshd tmp usr var/home/core var/log
chmod 1777 tmp
mount --rbind /usr usr
mount -o remount,bind,ro usr
for name in bin sbin lib lib32 lib64 libx32; do
    if [ -L "/$name" ]; then
        cp -P "/$name" "$name"
    elif [ -d "/$name" ]; then
        mkdir "$name"
        mount --bind "/$name" "$name"
        mount -o remount,bind,ro "$name"
    fi
done
cp -RL "$prepared_etc" etc
if [ -d /etc/alternatives ]; then
    mkdir etc/alternatives
    mount --bind /etc/alternatives etc/alternatives
fi
if [ -e /etc/ld.so.cache ]; then
    cp /etc/ld.so.cache etc/
fi

# What the host has in /usr/local is no part of the image; what the image adds is there.
mount -t tmpfs -o mode=755,size=1m local usr/local
mkdir usr/local/bin
cp etc/sudo usr/local/bin/sudo
chmod 755 usr/local/bin/sudo
rm etc/sudo

for device in null zero full random urandom tty; do
    : > "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd

mount -t proc proc proc
for kernel_control in proc/sys proc/sysrq-trigger; do
    if [ -e "$kernel_control" ]; then
        mount --bind "$kernel_control" "$kernel_control"
        mount -o remount,bind,ro "$kernel_control"
    fi
done

pivot_root . host
cd /
umount -l /host
rmdir /host

echo "running $pid"
trap '' CHLD # inherited by sleep: the kernel then reaps the orphans that a first process must
# shellcheck disable=SC2217  # not read, but let go: whoever started this shall not wait for it
exec sleep infinity < /dev/null > /dev/null 2>&1
