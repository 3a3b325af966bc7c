#!/bin/busybox sh
# The guest's first process: loads the modules, then runs what the host says, a
# line at a time, and answers with output and status.
export PATH=/bin HOME=/
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
# Loads what a list names; `load igb` is for the host to say.
load() {
    for module in $(cat "/modules/$1.order"); do
        grep -q "^$(echo "$module" | tr - _) " /proc/modules || insmod "/modules/$module.ko"
    done
}
load loaded || echo "init: a module does not load"
# The channels appear a moment after their driver.
while [ ! -e /dev/vport0p1 ]; do sleep 0.02; done
exec 3<>/dev/vport0p1
printf '@status 0\n' >&3
while IFS= read -r line <&3; do
    eval "$line" </dev/null >&3 2>&3
    printf '\n@status %d\n' $? >&3
done
poweroff -f
