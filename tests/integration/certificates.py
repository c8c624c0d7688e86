"""Certificates made by the openssl command while a test runs."""

import os
import subprocess


def openssl(*args):
    done = subprocess.run(["openssl", *args], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(args)}: {done.stderr}")
    return done.stdout


class Authority:
    """Issues certificates into the test's folder."""

    def __init__(self, t, name="authority"):
        self._folder = t.folder
        self.certificate, self._key = self._path(name, "pem"), self._path(name, "key")
        openssl("req", "-x509", *self._new_key(self._key), "-subj", f"/CN={name}", "-days", "2", "-out", self.certificate)

    def _path(self, name, kind):
        return os.path.join(self._folder, f"{name}.{kind}")

    @staticmethod
    def _new_key(path, rsa=False):
        kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        return ["-newkey", *kind, "-nodes", "-keyout", path]

    def issue(self, name, *alternative_names, subject=None, days=2, rsa=False):
        """The paths of a certificate and its key, NAME.pem and NAME.key. Files that were there before are
        replaced as a whole."""
        certificate, key = self._path(name, "pem"), self._path(name, "key")
        new_certificate, new_key, request = certificate + ".new", key + ".new", self._path(name, "csr")
        openssl("req", *self._new_key(new_key, rsa), "-subj", subject or f"/O=Example/CN={name}", "-out", request)
        extensions = self._path(name, "ext")
        with open(extensions, "w", encoding="utf-8") as file:
            file.write("subjectAltName=" + ",".join(alternative_names) if alternative_names else "")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-days", str(days),
                "-extfile", extensions, "-out", new_certificate)
        os.rename(new_key, key)
        os.rename(new_certificate, certificate)
        return certificate, key
