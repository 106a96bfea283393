# SPDX-License-Identifier: Apache-2.0
# Guests beyond the sample: other kernels, GRUB, a full Debian, each as a user would make it. Sourced
# after debian.sh.

# make_disk FILE LABEL_TYPE SIZE_MIB NAME TREE: a disk image with one partition, ext4 labelled NAME, of TREE
make_disk() {
    local file=$1 type=$2 size=$3 name=$4 tree=$5
    rm -f "$file"
    truncate -s "${size}M" "$file"
    printf 'label: %s\nstart=1MiB, size=%dMiB, type=linux\n' "$type" $((size - 2)) | sfdisk -q "$file"
    mkfs.ext4 -q -F -L "$name" -d "$tree" -E offset=1048576 "$file" $((size - 2))M
}

# image_grub_disk KERNEL: the sample guest on a disk of its own, for GRUB to start
image_grub_disk() {
    local kernel=$1 guest tree file
    guest=$(image_guest "$kernel")
    file=$IMAGES/grub-$(content_key "$kernel" "$guest" "$ROOT/deploy/lib/guests.sh").img
    if [ ! -s "$file" ]; then
        say "Making the disk with GRUB's configuration"
        tree=$(mktemp -d "$IMAGES/tree.XXXXXX")
        mkdir -p "$tree/boot/grub"
        cp "$kernel/vmlinuz" "$tree/boot/vmlinuz"
        cp "$guest" "$tree/boot/initrd.img"
        cp "$ROOT/deploy/guest/grub.cfg" "$tree/boot/grub/grub.cfg"
        echo "hello from the disk" >"$tree/hello.txt"
        make_disk "$file.part" dos 128 guest "$tree"
        mv "$file.part" "$file"
        rm -rf "$tree"
    fi
    echo "$file"
}

# image_debian_guest: the disk of the full Debian guest: systemd, a web server, Debian's kernel for
# virtual machines, a GRUB configuration; root's password is "nether"
image_debian_guest() {
    local source=$ROOT/deploy/debian-guest archive tree file
    [ "$(id -u)" = 0 ] || die "making the Debian guest takes root (files of other owners)"
    archive=$(debian_tree "$source/packages")
    file=$IMAGES/debian-guest-$(content_key "$archive" "$source"/* "$ROOT/deploy/lib/guests.sh").img
    if [ ! -s "$file" ]; then
        say "Making the Debian guest"
        tree=$(mktemp -d "$IMAGES/tree.XXXXXX")
        chmod 755 "$tree"
        tar -C "$tree" --numeric-owner -xf "$archive"
        echo root:nether | chroot "$tree" chpasswd
        echo debian >"$tree/etc/hostname"
        echo 'LABEL=debian / ext4 errors=remount-ro 0 1' >"$tree/etc/fstab"
        install -D -m 644 "$source/lan.network" "$tree/etc/systemd/network/lan.network"
        install -D -m 644 "$source/grub.cfg" "$tree/boot/grub/grub.cfg"
        install -D -m 644 "$source/slow.conf" "$tree/etc/systemd/system.conf.d/slow.conf"
        mask_slow "$tree"
        enable "$tree" systemd-networkd.service
        echo "Hello from Debian" >"$tree/var/www/html/index.html"
        make_disk "$file.part" gpt 1024 debian "$tree"
        mv "$file.part" "$file"
        rm -rf "$tree"
    fi
    echo "$file"
}

# image_other_guests: folder with cloud/ and backports/ (vmlinuz and initrd.img each), grub-pvh.bin, grub.img
# and debian.img
image_other_guests() {
    local cloud backports grub cloud_guest backports_guest grub_disk debian folder
    cloud=$(image_kernel cloud)
    backports=$(with_backports image_kernel backports)
    grub=$(unpack_package grub-xen-host)/usr/lib/grub-xen/grub-i386-xen_pvh.bin
    cloud_guest=$(image_guest "$cloud")
    backports_guest=$(image_guest "$backports")
    grub_disk=$(image_grub_disk "$backports")
    debian=$(image_debian_guest)
    folder=$IMAGES/other-guests-$(content_key "$cloud_guest" "$backports_guest" "$grub" "$grub_disk" "$debian")
    if [ ! -d "$folder" ]; then
        rm -rf "$folder.part"
        mkdir -p "$folder.part/cloud" "$folder.part/backports"
        ln -s "$cloud/vmlinuz" "$folder.part/cloud/vmlinuz"
        ln -s "$cloud_guest" "$folder.part/cloud/initrd.img"
        ln -s "$backports/vmlinuz" "$folder.part/backports/vmlinuz"
        ln -s "$backports_guest" "$folder.part/backports/initrd.img"
        ln -s "$grub" "$folder.part/grub-pvh.bin"
        ln -s "$grub_disk" "$folder.part/grub.img"
        ln -s "$debian" "$folder.part/debian.img"
        mv "$folder.part" "$folder"
    fi
    echo "$folder"
}
