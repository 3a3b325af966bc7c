#!/bin/busybox sh
# The guest's first process: loads the modules, then runs what the host says, a
# line at a time, and answers with output and status.
export PATH=/bin HOME=/
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
for module in $(cat /modules/order); do
    insmod "/modules/$module.ko" || echo "init: $module does not load"
done
exec 3<>/dev/vport0p1
printf '@status 0\n' >&3
while IFS= read -r line <&3; do
    eval "$line" </dev/null >&3 2>&3
    printf '\n@status %d\n' $? >&3
done
poweroff -f
