# SPDX-License-Identifier: Apache-2.0
# Everything an emulated host boots from: the stock kernel, the small dom0, the sample guest and
# the data disk. Each function prints the path of what it made; a path contains a key over the
# contents of all its inputs, so what is already there is never made again. Sourced after apt.sh.

IMAGES=$CACHE/images

# newest_kernel_package KIND: the package that the metapackage of a kind stands for today. KIND is stock
# (Debian's kernel), cloud (the one for virtual machines) or backports (a later one)
newest_kernel_package() {
    local meta=linux-image-amd64 known package
    case $1 in
    stock) known='linux-image-[0-9]*-[0-9]*[0-9]-amd64_*.deb' ;;
    cloud) meta=linux-image-cloud-amd64 known='linux-image-[0-9]*-cloud-amd64_*.deb' ;;
    backports) known='linux-image-[0-9]*+deb12-amd64_*.deb' ;;
    esac
    package=$(apt-cache "${APT[@]}" depends "$meta" 2>/dev/null |
        awk '/Depends: linux-image-[0-9]/ && !found {print $2; found = 1}' || true)
    if [ -z "$package" ]; then
        package=$(find "$CACHE/debs" -name "$known" -printf '%f\n' 2>/dev/null |
            sort -V | tail -1 | cut -d_ -f1)
        [ -n "$package" ] || die "apt does not know $meta; try apt-get update"
    fi
    echo "$package"
}

# image_kernel KIND: folder with vmlinuz (as Debian ships it), release (the version) and lib/modules;
# of the stock kernel also vmlinux (unpacked, for dom0)
image_kernel() {
    local kind=$1 package tree folder release
    package=$(remembered "kernel-$kind" newest_kernel_package "$kind")
    tree=$(unpack_package "$package")
    release=${package#linux-image-}
    folder=$IMAGES/kernel-$(content_key "$(basename "$tree")" "$ROOT/deploy/unpack-kernel")
    if [ ! -d "$folder" ]; then
        rm -rf "$folder.part"
        mkdir -p "$folder.part/lib"
        cp "$tree/boot/vmlinuz-$release" "$folder.part/vmlinuz"
        [ "$kind" != stock ] || "$ROOT/deploy/unpack-kernel" "$folder.part/vmlinuz" "$folder.part/vmlinux" ||
            die "the kernel of $package cannot be unpacked"
        ln -s "$tree/lib/modules" "$folder.part/lib/modules"
        echo "$release" >"$folder.part/release"
        mv "$folder.part" "$folder"
    fi
    echo "$folder"
}

# image_xen: the boot image of Debian's Xen 4.17, the peer we compare with
image_xen() {
    local tree image
    tree=$(unpack_package xen-hypervisor-4.17-amd64)
    image=$tree/boot/xen-4.17-amd64
    [ -s "$image" ] || gzip -dc "$image.gz" >"$image"
    echo "$image"
}

# image_xen_tools: an initramfs archive with what a dom0 of Xen needs to run guests, and xentrace
image_xen_tools() {
    local tools yajl file tree program
    tools=$(unpack_package xen-utils-4.17)
    yajl=$(unpack_package libyajl2)
    file=$IMAGES/xen-tools-$(content_key "$(basename "$tools")" "$(basename "$yajl")" "$ROOT/deploy/lib/images.sh").cpio
    if [ ! -s "$file" ]; then
        say "Making the archive of Xen's tools"
        tree=$(mktemp -d "$IMAGES/tree.XXXXXX")
        mkdir -p "$tree"/{etc/xen,usr/lib,var/lib/xen,var/lib/xenstored,var/log/xen/console}
        for program in xl xenstored xenconsoled xen-init-dom0 xentrace; do
            add_program "$tree" "$tools/usr/lib/xen-4.17/bin/$program" "/usr/sbin/$program"
        done
        cp -a "$yajl/usr/lib/." "$tree/usr/lib/" # the one library that is not installed here
        : >"$tree/etc/xen/xl.conf"
        pack "$tree" "$file"
        rm -rf "$tree"
    fi
    echo "$file"
}

# add_modules KERNEL TREE NAME...: copies these modules with all they depend on, and their index
add_modules() {
    local kernel=$1 tree=$2 release name line place
    shift 2
    release=$(cat "$kernel/release")
    [ -e "$kernel/lib/modules/$release/modules.dep" ] || depmod -b "$kernel" "$release"
    mkdir -p "$tree/lib/modules/$release"
    cp "$kernel/lib/modules/$release/modules.builtin"* "$kernel/lib/modules/$release/modules.order" \
        "$tree/lib/modules/$release/"
    for name; do
        modprobe -d "$kernel" -S "$release" --ignore-install --show-depends "$name" ||
            die "the kernel has no module $name"
    done | awk '$1 == "insmod" {print $2}' | sort -u | while read -r line; do
        place=$tree${line#"$kernel"}
        mkdir -p "$(dirname "$place")"
        case $line in
        *.xz) xz -dc "$line" >"${place%.xz}" ;; # busybox does not unpack modules
        *) cp "$line" "$place" ;;
        esac
    done
    depmod -b "$tree" "$release"
}

# add_program TREE FILE [DESTINATION]: copies a program and the shared libraries it needs
add_program() {
    local tree=$1 file=$2 destination=${3:-$2} library
    install -D -m 755 "$file" "$tree$destination"
    ldd "$file" 2>/dev/null | awk '/=> \// {print $3} /^\t\/lib/ {print $1}' |
        while read -r library; do
            [ -e "$tree$library" ] || install -D -m 755 "$library" "$tree$library"
        done
    # glibc loads this one by name when a thread is cancelled (libxenstore does): ldd cannot know
    library=$(ldconfig -p | awk '$1 == "libgcc_s.so.1" && /x86-64/ && !found {print $NF; found = 1}')
    [ -z "$library" ] || [ -e "$tree$library" ] || install -D -m 755 "$library" "$tree$library"
}

# add_busybox TREE
add_busybox() {
    local tree=$1 name
    mkdir -p "$tree"/{bin,sbin,usr,etc,proc,sys,dev,run,tmp,mnt,root,var/log,var/lib}
    mkdir -p "$tree"/{lib64,lib,usr/bin,usr/sbin}
    cp "$(command -v busybox)" "$tree/bin/busybox"
    for name in $(busybox --list); do
        case $name in busybox | ar | dpkg | rpm | ssl_client) continue ;; esac
        [ -e "$tree/bin/$name" ] || ln -s busybox "$tree/bin/$name"
    done
    # the kernel itself runs these when the host asks for a shutdown or a reboot
    for name in poweroff reboot halt; do ln -s ../bin/busybox "$tree/sbin/$name"; done
    printf 'root:x:0:0:root:/root:/bin/sh\n' >"$tree/etc/passwd"
    printf 'root:x:0:\n' >"$tree/etc/group"
    printf '/bin/sh\n' >"$tree/etc/shells"
    printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$tree/etc/nsswitch.conf"
    printf '127.0.0.1 localhost\n' >"$tree/etc/hosts"
}

# pack TREE FILE: an initramfs archive. Not compressed: emulated processors unpack slowly.
pack() {
    (cd "$1" && find . -mindepth 1 -printf '%P\0' | LC_ALL=C sort -z |
        cpio --quiet --null --create --format=newc --owner=0:0 --reproducible) >"$2.part"
    mv "$2.part" "$2"
}

# image_dom0: the initramfs of the small dom0, without our programs and without a host's identity
image_dom0() {
    local kernel=$1 source=$ROOT/deploy/dom0 tree file extra
    file=$IMAGES/dom0-$(content_key "$kernel" "$source"/* "$ROOT/deploy/lib/images.sh" \
        "$(command -v busybox)" "$(command -v dropbear)").cpio
    if [ ! -s "$file" ]; then
        say "Making the dom0 image"
        tree=$(mktemp -d "$IMAGES/tree.XXXXXX")
        add_busybox "$tree"
        cp "$source/init" "$tree/init"
        cp "$source/modules" "$tree/etc/modules"
        cp "$source/udhcpc" "$tree/etc/udhcpc"
        # shellcheck disable=SC2046
        add_modules "$kernel" "$tree" $(grep -hv '^#' "$source/modules" "$source/modules-available")
        add_program "$tree" "$(command -v dropbear)" /usr/sbin/dropbear
        for extra in xenstore-ls xenstore-read xenstore-write xenstore-rm xenstore-list \
            xenstore-chmod xenstore-exists xenstore-watch curl jq; do
            rm -f "$tree/bin/$extra"
            add_program "$tree" "$(command -v $extra)" "/usr/bin/$extra"
        done
        mkdir -p "$tree/etc/nether"
        pack "$tree" "$file"
        rm -rf "$tree"
    fi
    echo "$file"
}

# image_guest: the initramfs of the sample guest
image_guest() {
    local kernel=$1 source=$ROOT/deploy/guest tree file
    file=$IMAGES/guest-$(content_key "$kernel" "$source"/* "$ROOT/deploy/lib/images.sh" \
        "$ROOT/deploy/dom0/udhcpc" "$(command -v busybox)").cpio.gz
    if [ ! -s "$file" ]; then
        say "Making the sample guest"
        tree=$(mktemp -d "$IMAGES/tree.XXXXXX")
        add_busybox "$tree"
        mkdir -p "$tree/www/cgi-bin" "$tree/data"
        cp "$source/init" "$tree/init"
        cp "$source/modules" "$tree/etc/modules"
        cp "$ROOT/deploy/dom0/udhcpc" "$tree/etc/udhcpc"
        install -m 644 "$source/cgi-run" "$tree/www/cgi-bin/run"
        # shellcheck disable=SC2046
        add_modules "$kernel" "$tree" $(grep -v '^#' "$source/modules")
        pack "$tree" "${file%.gz}"
        gzip -1n "${file%.gz}"
        rm -rf "$tree"
    fi
    echo "$file"
}

# image_data KERNEL GUEST [FOLDER]: the data disk of a host, with everything a guest is made from under
# images/: vmlinuz, initrd.img, disk.img (64 MiB, ext4, one file hello.txt), and what FOLDER holds
image_data() {
    local kernel=$1 guest=$2 more=${3:-} tree file
    file=$IMAGES/data-$(content_key "$kernel" "$guest" "$more" "$ROOT/deploy/lib/images.sh").img
    if [ ! -s "$file" ]; then
        say "Making the data disk"
        tree=$(mktemp -d "$IMAGES/tree.XXXXXX")
        mkdir -p "$tree/images" "$tree/disk"
        cp "$kernel/vmlinuz" "$tree/images/vmlinuz"
        cp "$guest" "$tree/images/initrd.img"
        [ -z "$more" ] || cp -rL --sparse=always "$more/." "$tree/images/"
        echo "hello from the disk" >"$tree/disk/hello.txt"
        truncate -s 64M "$tree/images/disk.img"
        /sbin/mkfs.ext4 -q -L guest-data -d "$tree/disk" "$tree/images/disk.img"
        rm -rf "$tree/disk"
        rm -f "$file.part"
        truncate -s 2G "$file.part"
        /sbin/mkfs.ext4 -q -L nether-data -d "$tree" "$file.part"
        mv "$file.part" "$file"
        rm -rf "$tree"
    fi
    echo "$file"
}

# image_programs: an initramfs archive with our own programs as they lie in the build folder.
# It is laid over the dom0 image, so it is the only thing made anew after a compile.
image_programs() {
    local file=$1 tree program destination places place missing=()
    tree=$(mktemp -d "$LAB/tree.XXXXXX")
    mkdir -p "$tree/etc/nether"
    while read -r destination places; do
        program=''
        for place in $places; do
            [ ! -f "$BUILD/$place" ] || program=$BUILD/$place
        done
        if [ -n "$program" ]; then
            add_program "$tree" "$program" "$destination"
        else
            missing+=("${places%% *}")
        fi
    done <<'PROGRAMS'
/usr/sbin/nether-stored agent/nether-stored agent/xenstore/nether-stored
/usr/sbin/netherd agent/netherd api/netherd
/usr/bin/nether api/nether api/cli/nether
PROGRAMS
    [ ${#missing[@]} = 0 ] || warn "not built, so not in dom0: ${missing[*]} (in $BUILD)"
    pack "$tree" "$file"
    rm -rf "$tree"
}
