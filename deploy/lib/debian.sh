# SPDX-License-Identifier: Apache-2.0
# The full Debian dom0: a tree of packages, made by mmdebstrap and kept, and the disk image made
# from it with the units of deploy/systemd and the lab's own of deploy/debian. Sourced after
# images.sh.

# bootstrap PACKAGES FILE: a tar archive of Debian with these packages (comma-separated), without its documentation
bootstrap() {
    debian_sources | mmdebstrap --quiet --variant=minbase --include="$1" \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' bookworm "$2.part.tar" - >&2 ||
        die "mmdebstrap could not make the Debian tree"
    mv "$2.part.tar" "$2"
}

# debian_tree LIST: a tar archive of Debian with the packages that the file LIST names
debian_tree() {
    local list=$1 file packages
    file=$IMAGES/debian-tree-$(content_key "$list").tar
    if [ ! -s "$file" ]; then
        say "Making a tree of Debian with ${list#"$ROOT/"}"
        packages=$(grep -v '^#' "$list" | paste -sd,)
        bootstrap "$packages" "$file"
    fi
    echo "$file"
}

# enable TREE UNIT...: what systemctl enable would do
enable() {
    local tree=$1 unit target
    shift
    for unit; do
        target=$(sed -n 's/^WantedBy=//p' "$tree/usr/lib/systemd/system/$unit")
        mkdir -p "$tree/etc/systemd/system/$target.wants"
        ln -s "/usr/lib/systemd/system/$unit" "$tree/etc/systemd/system/$target.wants/$unit"
    done
}

# mask TREE UNIT...: what systemctl mask would do
mask() {
    local tree=$1 unit
    shift
    for unit; do ln -sf /dev/null "$tree/etc/systemd/system/$unit"; done
}

# mask_slow TREE: without what nobody in the lab needs and what would only take time there
mask_slow() {
    mask "$1" {getty-static,getty@tty1,e2scrub_reap,systemd-update-utmp}.service \
        {apt-daily,apt-daily-upgrade,dpkg-db-backup,fstrim,e2scrub_all}.timer
}

# image_debian: the disk of the full Debian dom0, without our programs and without a host's
# identity: deploy/dom0/init lays these over it
image_debian() {
    local debian=$ROOT/deploy/debian systemd=$ROOT/deploy/systemd archive tree file unit
    [ "$(id -u)" = 0 ] || die "making the Debian dom0 takes root (files of other owners)"
    archive=$(debian_tree "$debian/packages")
    file=$IMAGES/debian-$(content_key "$archive" "$debian"/* "$systemd"/* "$ROOT/deploy/lib/debian.sh").img
    if [ ! -s "$file" ]; then
        say "Making the Debian dom0"
        tree=$(mktemp -d "$IMAGES/tree.XXXXXX")
        chmod 755 "$tree"
        tar -C "$tree" --numeric-owner -xf "$archive"
        install -m 644 -t "$tree/usr/lib/systemd/system" "$systemd"/*.{service,mount} "$debian"/*.service
        install -D -m 644 "$systemd/nether-modules.conf" "$tree/usr/lib/modules-load.d/nether.conf"
        install -D -m 755 "$debian/lab-ready" "$tree/usr/lib/nether/lab-ready"
        for unit in "$systemd"/*.{service,mount} "$debian"/*.service; do enable "$tree" "$(basename "$unit")"; done
        mask "$tree" xen.service xendomains.service # Xen's own store must not run
        mask_slow "$tree"
        mkdir -p "$tree/var/lib/nether" "$tree/etc/dropbear"
        echo 'LABEL=nether-data /var/lib/nether ext4 nofail 0 0' >"$tree/etc/fstab"
        sed -i 's/^root:[^:]*:/root::/' "$tree/etc/shadow" # on the console, without a password
        rm -f "$file.part"
        truncate -s 2G "$file.part"
        mkfs.ext4 -q -L nether-root -d "$tree" "$file.part"
        mv "$file.part" "$file"
        rm -rf "$tree"
    fi
    echo "$file"
}
