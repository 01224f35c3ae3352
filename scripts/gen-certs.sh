#!/usr/bin/env bash
# Makes development certificates: good ones to work with, and one of each kind that clawgate must refuse.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: gen-certs.sh [--force] [DIR]

Makes a root CA, an intermediate CA, a server certificate, good client certificates, a set of bad
ones and a secret in DIR (default: the certs folder of this repository). It overwrites existing
files only with --force. Needs OpenSSL 3.0 or later. For development only.

  ca.pem                 the root: what both sides trust (curl --cacert, CLAWGATE_CLIENT_CA)
  intermediate.pem       the CA that signs everything below
  crl.pem                the revocation lists of both CAs (CLAWGATE_CRL)
  server.pem             for localhost, 127.0.0.1, ::1 and this host's name
  client.pem             a good client (ECDSA P-256); also client-rsa.pem, client-ed25519.pem

  expired.pem            expired yesterday        not-yet-valid.pem    valid in ten days
  other-ca.pem           from an unknown CA       same-name-ca.pem     from a CA with our root's
  self-signed.pem        its own issuer                                name and another key
  server-auth-only.pem   not for clients          v1.pem               X.509 version 1
  no-intermediate.pem    chain is incomplete      revoked.pem          listed in crl.pem
  key-mismatch.pem       its key belongs to another certificate

Each certificate NAME.pem has its key in NAME.key.

  webhook-secret         what a sender of Standard Webhooks signs with (secret_file in [route.verify])
EOF
}

die() { printf 'gen-certs.sh: %s\n' "$*" >&2; exit 1; }

force=no
dir=
for arg; do
  case $arg in
    --force) force=yes ;;
    -h | --help) usage; exit ;;
    -*) usage >&2; exit 2 ;;
    *) [[ -z $dir ]] || { usage >&2; exit 2; }; dir=$arg ;;
  esac
done
dir=${dir:-$(dirname "${BASH_SOURCE[0]}")/../certs}

[[ $(openssl version 2>&1) =~ ^OpenSSL\ ([3-9]|[1-9][0-9]) ]] ||
  die "OpenSSL 3.0 or later is needed, found: $(openssl version 2>&1 | head -n 1)"

good=(server client client-rsa client-ed25519)
bad=(expired not-yet-valid other-ca same-name-ca self-signed server-auth-only v1 no-intermediate
  revoked key-mismatch)
files=(crl.pem webhook-secret)
for name in ca intermediate "${good[@]}" "${bad[@]}"; do files+=("$name.pem" "$name.key"); done

if [[ $force == no ]]; then
  for file in "${files[@]}"; do
    [[ ! -e $dir/$file ]] ||
      die "$dir/$file exists. Use --force to replace the whole set, or name another folder."
  done
fi

# All files are first made in a hidden folder inside DIR (same file system, ignored by git), so a run
# that fails or is killed leaves no incomplete set.
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
work=$(mktemp -d "$dir/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work"
umask 077

openssl() {
  command openssl "$@" >>log 2>&1 || { tail -n 8 log >&2; die "openssl $1 failed, see above; $dir is unchanged"; }
}

# `when SECONDS`: the time that far from now, in the form of `openssl ca`. (`openssl x509` of OpenSSL
# 3.0 can only count days from today, so everything is made with `openssl ca`.)
now=$(date +%s)
when() { TZ=UTC0 printf '%(%Y%m%d%H%M%SZ)T' $((now + $1)); }
day=86400

host=$(uname -n)
export CA=ca NAME=none
cat >openssl.cnf <<EOF
[req]
prompt = no
distinguished_name = none
[none]

[ca]
default_ca = authority
[authority]
certificate = \${ENV::CA}.pem
private_key = \${ENV::CA}.key
database = \${ENV::CA}.index
crlnumber = \${ENV::CA}.crlnumber
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = as_requested
crl_extensions = revocation_list
[as_requested]
organizationName = supplied
commonName = supplied

[root_ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[intermediate_ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[revocation_list]
authorityKeyIdentifier = keyid:always

[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
subjectAltName = DNS:localhost, DNS:$host, IP:127.0.0.1, IP:::1
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:\${ENV::NAME}.example, URI:spiffe://clawgate.test/\${ENV::NAME}
[server_auth_only]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
subjectAltName = DNS:\${ENV::NAME}.example, URI:spiffe://clawgate.test/\${ENV::NAME}
EOF

# key FILE [ALGORITHM]
key() {
  case ${2:-ec} in
    ec) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" ;;
    rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1.key" ;;
    ed25519) openssl genpkey -algorithm ED25519 -out "$1.key" ;;
  esac
}

# root FILE SUBJECT: a root CA with an empty database
root() {
  key "$1"
  openssl req -config openssl.cnf -x509 -new -key "$1.key" -subj "$2" -days 3650 -extensions root_ca \
    -out "$1.pem"
  database "$1"
}

database() {
  : >"$1.index"
  echo 01 >"$1.crlnumber"
}

request() { openssl req -config openssl.cnf -new -key "$1.key" -subj "/O=clawgate dev/CN=$NAME" -out "$1.csr"; }

# issue FILE CA EXTENSIONS [START END]: FILE.pem for FILE.key, by default for two years
issue() {
  request "$1"
  CA=$2 openssl ca -config openssl.cnf -batch -notext -extensions "$3" -in "$1.csr" -out "$1.pem" \
    -startdate "$(when "${4:--$day}")" -enddate "$(when "${5:-$((730 * day))}")"
}

# client FILE [ALGORITHM [START END]]: a client certificate, followed by the intermediate
client() {
  key "$1" "${2:-ec}"
  issue "$1" intermediate client "${@:3}"
  cat intermediate.pem >>"$1.pem"
}

echo "making ${#files[@]} files in $dir ..."

root ca '/O=clawgate dev/CN=clawgate dev root CA'
key intermediate
NAME='clawgate dev intermediate CA' issue intermediate ca intermediate_ca "-$day" $((3650 * day))
database intermediate

key server
NAME=localhost issue server intermediate server
cat intermediate.pem >>server.pem
NAME=meeting-notes client client
NAME=meeting-notes-rsa client client-rsa rsa
NAME=meeting-notes-ed25519 client client-ed25519 ed25519

NAME=expired client expired ec $((-90 * day)) "-$day"
NAME=not-yet-valid client not-yet-valid ec $((10 * day)) $((100 * day))

root foreign '/O=Elsewhere Ltd/CN=Elsewhere CA'
key other-ca
NAME=other-ca issue other-ca foreign client

# What clients have after somebody made the CA again: the same name, another key.
root recreated '/O=clawgate dev/CN=clawgate dev root CA'
key same-name-ca
NAME=same-name-ca issue same-name-ca recreated client

key self-signed
NAME=self-signed openssl req -config openssl.cnf -x509 -new -key self-signed.key -days 730 \
  -subj '/O=clawgate dev/CN=self-signed' -extensions client -out self-signed.pem

key server-auth-only
NAME=server-auth-only issue server-auth-only intermediate server_auth_only
cat intermediate.pem >>server-auth-only.pem

# A common mistake: `x509 -req` without -extfile. A newer OpenSSL then makes version 3, but has -x509v1.
key v1
NAME=v1 request v1
v1=(x509 -req -in v1.csr)
[[ $(command openssl req -help 2>&1) != *-x509v1* ]] ||
  v1=(req -config openssl.cnf -x509v1 -in v1.csr)
openssl "${v1[@]}" -CA intermediate.pem -CAkey intermediate.key -days 730 -out v1.pem
cat intermediate.pem >>v1.pem

key no-intermediate
NAME=no-intermediate issue no-intermediate intermediate client

NAME=revoked client revoked
CA=intermediate openssl ca -config openssl.cnf -revoke revoked.pem -crl_reason keyCompromise
for ca in intermediate ca; do
  CA=$ca openssl ca -config openssl.cnf -gencrl -crldays 730 -out "$ca.crl"
done
cat intermediate.crl ca.crl >crl.pem

# TLS clients compare the public keys of certificate and key file, and refuse to load a simple
# mismatch. This key file has the public key of the certificate and the secret of another key, so curl
# loads it, and only clawgate can notice that the signature is wrong.
NAME=key-mismatch client key-mismatch
hex() { command openssl pkey -in "$1" -noout -text | sed -n "/^$2:/,/^[^ ]/{/^ /p}" | tr -d ' :\n'; }
public=$(hex key-mismatch.key pub)
key key-mismatch
secret=$(hex key-mismatch.key priv)
cat >mismatch.cnf <<EOF
asn1 = SEQUENCE:key
[key]
version = INTEGER:1
secret = FORMAT:HEX,OCTETSTRING:$secret
curve = EXPLICIT:0,OID:prime256v1
public = EXPLICIT:1,FORMAT:HEX,BITSTRING:$public
EOF
openssl asn1parse -genconf mismatch.cnf -noout -out mismatch.der
{
  echo '-----BEGIN EC PRIVATE KEY-----'
  command openssl base64 -in mismatch.der
  echo '-----END EC PRIVATE KEY-----'
} >key-mismatch.key

echo "whsec_$(command openssl rand -base64 32)" >webhook-secret

chmod 644 -- *.pem
trap '' INT TERM # the last step must not be interrupted
mv -f -- "${files[@]}" "$dir/"

cat <<EOF

Settings of clawgate:

  export CLAWGATE_CERT=$(printf %q "$dir/server.pem")
  export CLAWGATE_KEY=$(printf %q "$dir/server.key")
  export CLAWGATE_CLIENT_CA=$(printf %q "$dir/ca.pem")
  export CLAWGATE_CRL=$(printf %q "$dir/crl.pem")

A good client, and one that is refused:

  curl --cert $(printf %q "$dir/client.pem") --key $(printf %q "$dir/client.key") --cacert $(printf %q "$dir/ca.pem") -d '{"text":"hello"}' https://localhost:8443/hooks/wake
  curl --cert $(printf %q "$dir/expired.pem") --key $(printf %q "$dir/expired.key") --cacert $(printf %q "$dir/ca.pem") -d '{"text":"hello"}' https://localhost:8443/hooks/wake
EOF
