"""A tiny OpenID Connect provider on loopback: everybody is whoever the test says, with their own signing key."""

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT, SECRET = "tierwise", "a-client-secret"
PEOPLE: dict[str, dict[str, Any]] = {
    "ada": {"email": "ada@example.org", "email_verified": True, "name": "Ada"},
    "ben": {"email": "ben@example.org", "email_verified": True, "name": "Ben"},
    "eve": {"email": "ada@example.org", "email_verified": False, "name": "Ada?"},
}


class Oidc:
    """Authorisation code flow with PKCE. `present` is who sits at the keyboard; `fault` spoils the token."""

    def __init__(self) -> None:
        from joserfc.jwk import RSAKey

        self.key, self.foreign = (RSAKey.generate_key(2048, {"kid": "one"}) for _ in range(2))
        self.present, self.fault = "ada", ""
        self._codes: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider._get(self)

            def do_POST(self) -> None:
                provider._token(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _get(self, http: BaseHTTPRequestHandler) -> None:
        asked = urlsplit(http.path)
        if asked.path == "/.well-known/openid-configuration":
            paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
            told = {name: f"{self.issuer}/{path}" for name, path in paths.items()}
            more = {"code_challenge_methods_supported": ["S256"], "id_token_signing_alg_values_supported": ["RS256"]}
            return _send(http, {"issuer": self.issuer, **told, **more})
        if asked.path == "/jwks":
            return _send(http, {"keys": [self.key.as_dict(private=False)]})
        given = {k: v[0] for k, v in parse_qs(asked.query).items()}
        assert given["client_id"] == CLIENT and given["response_type"] == "code" and given["code_challenge_method"] == "S256"
        code = f"code-{len(self._codes)}"
        self._codes[code] = given | {"sub": self.present}
        http.send_response(302)
        http.send_header("location", f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state']})}")
        http.end_headers()
        return None

    def _token(self, http: BaseHTTPRequestHandler) -> None:
        from joserfc import jwt

        sent = {k: v[0] for k, v in parse_qs(http.rfile.read(int(http.headers["content-length"])).decode()).items()}
        asked = self._codes.pop(sent["code"])
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        assert challenge == asked["code_challenge"] and sent["redirect_uri"] == asked["redirect_uri"]
        assert base64.b64decode(http.headers["authorization"].split()[1]).decode() == f"{CLIENT}:{SECRET}"
        now = int(time.time()) - (7200 if self.fault == "over" else 0)
        claims = {"iss": self.issuer, "sub": asked["sub"], "aud": CLIENT, "iat": now, "exp": now + 3600, "nonce": asked.get("nonce")}
        claims |= {"key": {}, "nonce": {"nonce": "another"}, "audience": {"aud": "another"}}.get(self.fault, {})
        signed = jwt.encode(
            {"alg": "RS256", "kid": "one"}, claims | PEOPLE[asked["sub"]], self.foreign if self.fault == "key" else self.key
        )
        _send(http, {"access_token": "t", "token_type": "Bearer", "expires_in": 3600, "id_token": signed})


def _send(http: BaseHTTPRequestHandler, value: dict[str, Any]) -> None:
    data = json.dumps(value).encode()
    http.send_response(200)
    http.send_header("content-type", "application/json")
    http.send_header("content-length", str(len(data)))
    http.end_headers()
    http.wfile.write(data)
