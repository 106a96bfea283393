# SPDX-License-Identifier: Apache-2.0
# The server image: a disk with Debian and GRUB, for BIOS and for UEFI, on which Nether's package was installed
# the way docs/install.md says, by that Debian itself in an emulated machine. Sourced after debian.sh.

SERVER_ESP_MIB=64 SERVER_DISK_MIB=4096

# server_tree PACKAGE: a tar archive of Debian with deploy/server/packages and what PACKAGE depends on
server_tree() {
    local list=$ROOT/deploy/server/packages file packages
    packages=$({
        grep -v '^#' "$list"
        dpkg-deb -f "$1" Depends | tr ',' '\n' | awk '{print $1}'
    } | paste -sd,)
    file=$IMAGES/server-tree-$(content_key "$packages").tar
    if [ ! -s "$file" ]; then
        say "Making the Debian tree of the server (some minutes, once)"
        bootstrap "$packages" "$file"
    fi
    echo "$file"
}

# grub_into FILE TREE ESP: GRUB for both kinds of firmware. BIOS: boot.img in the first sector loads what
# begins in the second, and there core.img lies, in the gap before the first partition. UEFI: a program on ESP.
grub_into() {
    local file=$1 tree=$2 esp=$3 work
    work=$(mktemp -d "$IMAGES/tree.XXXXXX")
    cat >"$work/early.cfg" <<'GRUB'
search.fs_label nether-server root
set prefix=($root)/boot/grub
GRUB
    mkdir -p "$tree/boot/grub"
    cp -a /usr/lib/grub/i386-pc /usr/lib/grub/x86_64-efi "$tree/boot/grub/"
    grub-mkimage -O i386-pc -o "$work/core.img" -c "$work/early.cfg" -p /boot/grub \
        biosdisk part_msdos ext2 search_label
    grub-mkimage -O x86_64-efi -o "$work/grub.efi" -c "$work/early.cfg" -p /boot/grub \
        part_msdos ext2 search_label
    dd if=/usr/lib/grub/i386-pc/boot.img of="$file" bs=440 count=1 conv=notrunc status=none
    dd if="$work/core.img" of="$file" bs=512 seek=1 conv=notrunc status=none
    mkfs.vfat -n ESP "$esp" >/dev/null
    mmd -i "$esp" ::/EFI ::/EFI/BOOT
    mcopy -i "$esp" "$work/grub.efi" ::/EFI/BOOT/BOOTX64.EFI
    rm -rf "$work"
}

# plain_server ARCHIVE FILE FOLDER: the disk as Debian's installer might have left it, without Nether; its
# kernel and initial ramdisk also as FOLDER/vmlinuz and initrd.img
plain_server() {
    local archive=$1 file=$2 folder=$3 tree
    tree=$(mktemp -d "$IMAGES/tree.XXXXXX")
    chmod 755 "$tree"
    tar -C "$tree" --numeric-owner -xf "$archive"
    cp "$tree"/boot/vmlinuz-* "$folder/vmlinuz"
    cp "$tree"/boot/initrd.img-* "$folder/initrd.img"
    echo 'LABEL=nether-server / ext4 errors=remount-ro 0 1' >"$tree/etc/fstab"
    echo nether >"$tree/etc/hostname"
    cat >"$tree/etc/default/grub" <<'GRUB'
GRUB_DEFAULT=0
GRUB_TIMEOUT=2
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX="net.ifnames=0"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB
    printf '[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\n' >"$tree/etc/systemd/network/80-dhcp.network"
    enable "$tree" systemd-networkd.service
    mkdir -p "$tree/boot/grub"
    : >"$tree/boot/grub/grub.cfg" # update-grub fills it: it belongs to a system that boots by GRUB
    sed -i 's/^root:[^:]*:/root::/' "$tree/etc/shadow" # on the console, without a password

    truncate -s "${SERVER_DISK_MIB}M" "$file"
    printf 'label: dos\nstart=1MiB, size=%sMiB, type=ef\nstart=%sMiB, type=83, bootable\n' \
        $SERVER_ESP_MIB $((1 + SERVER_ESP_MIB)) | sfdisk --quiet "$file"
    truncate -s "${SERVER_ESP_MIB}M" "$folder/esp.img"
    grub_into "$file" "$tree" "$folder/esp.img"
    dd if="$folder/esp.img" of="$file" bs=1M seek=1 conv=notrunc,sparse status=none
    mkfs.ext4 -q -L nether-server -E "offset=$(((1 + SERVER_ESP_MIB) << 20))" -d "$tree" "$file" \
        $((SERVER_DISK_MIB - 1 - SERVER_ESP_MIB))M
    rm -rf "$tree"
}

# image_server PACKAGE: the server image with this package installed
image_server() {
    local package=$1 file folder
    [ "$(id -u)" = 0 ] || die "making the server image takes root (files of other owners)"
    # Two packages with the same files are the same one.
    file=$IMAGES/server-$(content_key "$(dpkg-deb --ctrl-tarfile "$package" | tar -xO)" "$ROOT/deploy/server/packages" "$ROOT/deploy/lib/server.sh").img
    if [ ! -s "$file" ]; then
        folder=$(mktemp -d "$IMAGES/tree.XXXXXX")
        mkdir "$folder/package"
        plain_server "$(server_tree "$package")" "$folder/disk.img" "$folder"
        say "Installing the package on the server"
        cp "$package" "$folder/package/nether.deb"
        truncate -s 16M "$folder/package.img"
        mkfs.ext4 -q -L nether-package -d "$folder/package" "$folder/package.img"
        local run="udevadm settle && mount -r LABEL=nether-package /mnt && dpkg -i /mnt/nether.deb && umount /mnt"
        timeout 900 qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m 1G -nodefaults -no-reboot \
            -display none -vga none -serial "file:$folder/serial.log" -kernel "$folder/vmlinuz" -initrd "$folder/initrd.img" \
            -append "root=LABEL=nether-server console=ttyS0 systemd.run=\"/bin/sh -c '($run && echo nether-installed) >/dev/console 2>&1'\"" \
            -drive "file=$folder/disk.img,format=raw,if=virtio,cache=unsafe" \
            -drive "file=$folder/package.img,format=raw,if=virtio,readonly=on" >&2 || true
        if ! grep -aq '^nether-installed' "$folder/serial.log"; then
            tail -n 40 "$folder/serial.log" >&2
            die "the package could not be installed on the server (above)"
        fi
        find "$IMAGES" -maxdepth 1 -name 'server-*.img' -delete # of packages before
        mv "$folder/disk.img" "$file"
        rm -rf "$folder"
    fi
    echo "$file"
}

# server_identity FILE FOLDER NUMBER: gives a copy of the image the lab's keys, its network, its data disk, and
# the line that the lab waits for (FOLDER is for the work, NUMBER the host's)
server_identity() {
    local file=$1 folder=$2 number=$3 systemd=/etc/systemd work
    work=$(mktemp -d "$folder/tree.XXXXXX")
    printf '[NetDev]\nName=br0\nKind=bridge\n' >"$work/10-br0.netdev"
    printf '[Match]\nMACAddress=52:54:00:20:00:0%s\nType=ether\nName=eth*\n\n[Network]\nBridge=br0\n' "$number" >"$work/10-lan.network"
    printf '[Match]\nName=br0\n\n[Network]\nAddress=%s.%s/24\n' "$LAN" $((10 + number)) >"$work/11-br0.network"
    printf '[Mount]\nWhat=/dev/disk/by-label/nether-data\nWhere=/var/lib/nether\n' >"$work/var-lib-nether.mount"
    echo 'AuthorizedKeysFile /etc/ssh/lab_keys' >"$work/sshd.conf"
    cat >"$work/commands" <<DEBUGFS
write $LAB/key.pub /etc/ssh/lab_keys
write $work/sshd.conf /etc/ssh/sshd_config.d/lab.conf
write $work/10-br0.netdev $systemd/network/10-br0.netdev
write $work/10-lan.network $systemd/network/10-lan.network
write $work/11-br0.network $systemd/network/11-br0.network
write $work/var-lib-nether.mount $systemd/system/var-lib-nether.mount
mkdir /usr/lib/nether
write $ROOT/deploy/debian/lab-ready /usr/lib/nether/lab-ready
sif /usr/lib/nether/lab-ready mode 0100755
write $ROOT/deploy/debian/lab-ready.service $systemd/system/lab-ready.service
symlink $systemd/system/multi-user.target.wants/lab-ready.service $systemd/system/lab-ready.service
DEBUGFS
    debugfs -w -f "$work/commands" "$file?offset=$(((1 + SERVER_ESP_MIB) << 20))" >"$work/log" 2>&1
    # debugfs always succeeds; it says what it could not do
    if grep -E ': (File|No such|Ext2|Could)|not found' "$work/log" | grep -v 'mkdir: Ext2 directory already exists'; then
        die "the image could not be given an identity (above)"
    fi
    rm -rf "$work"
}
