# SPDX-License-Identifier: Apache-2.0
# Debian's packages, downloaded and unpacked without being installed, and kept in the cache. Sourced
# after common.sh.

APT=() # options of apt-get and apt-cache; with_backports sets them

# remembered KEY COMMAND...: the output of COMMAND, which is asked again only a day later
remembered() {
    local note=$CACHE/remembered/$1
    shift
    mkdir -p "$(dirname "$note")"
    if [ -z "$(find "$note" -mmin -1440 -size +0 2>/dev/null)" ]; then
        "$@" >"$note.part"
        mv "$note.part" "$note"
    fi
    cat "$note"
}

# debian_sources: the machine's own apt sources of Debian, as lines of a sources.list
debian_sources() {
    local lines
    # shellcheck disable=SC2016 # apt's own variables
    lines=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' | grep -E ' bookworm(-updates|-security)? ' | sort -u)
    [ -n "$lines" ] || die "apt has no list of Debian 12's packages; try apt-get update"
    echo "$lines"
}

# with_backports COMMAND...: runs COMMAND with an apt that knows Debian 12's backports alone, from the
# machine's own mirror. What apt itself is set up with stays as it is.
with_backports() {
    local folder=$CACHE/backports
    local APT=(-o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder" -o "Dir::Etc::sourcelist=$folder/sources.list"
        -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root)
    if [ -z "$(find "$folder/updated" -mmin -1440 2>/dev/null)" ]; then
        mkdir -p "$folder/lists/partial" "$folder/archives/partial"
        debian_sources | awk '$3 == "bookworm" && $4 == "main" {$3 = "bookworm-backports"; print}' >"$folder/sources.list"
        if apt-get "${APT[@]}" -o APT::Update::Error-Mode=any update -qq >&2; then
            touch "$folder/updated"
        else
            warn "apt-get could not update its list of Debian 12's backports; trying with what is known"
        fi
    fi
    "$@"
}

# fetch_package PACKAGE: path of the newest .deb, downloaded unless it is in the cache
fetch_package() {
    local package=$1 debs=$CACHE/debs version file
    mkdir -p "$debs"
    version=$(apt-cache "${APT[@]}" policy "$package" 2>/dev/null | awk '/Candidate:/ {print $2}')
    if [ -z "$version" ] || [ "$version" = "(none)" ]; then
        file=$(find "$debs" -name "${package}_*.deb" | sort -V | tail -1)
        [ -n "$file" ] || die "package $package is unknown to apt and not in $debs; try apt-get update"
        echo "$file"
        return
    fi
    file=$debs/${package}_${version//:/%3a}_amd64.deb
    if [ ! -s "$file" ]; then
        say "Fetching $package $version"
        (cd "$debs" && apt-get "${APT[@]}" download -qq "$package" 2> >(grep -v unsandboxed >&2)) ||
            die "apt-get could not download $package"
    fi
    [ -s "$file" ] || die "apt-get downloaded $package, but not as $file"
    echo "$file"
}

# unpack_package PACKAGE: folder with the contents of the newest version of a package
unpack_package() {
    local deb tree
    deb=$(remembered "$1" fetch_package "$1")
    [ -s "$deb" ] || deb=$(fetch_package "$1")
    tree=$CACHE/unpacked/$(basename "$deb" .deb)
    if [ ! -d "$tree" ]; then
        rm -rf "$tree.part"
        mkdir -p "$tree.part"
        dpkg -x "$deb" "$tree.part"
        mv "$tree.part" "$tree"
    fi
    echo "$tree"
}
