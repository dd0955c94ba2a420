"""The configuration files of the other proxies."""

from __future__ import annotations

from typing import Any

from bench.answers import NAME

KEPT = 64  # idle upstream connections, where it can be told


def nginx(port: int, backend: int, *, root: bool) -> str:
    """Return nginx.conf: one worker, no buffering, kept upstream connections."""
    return f"""{"user root;" if root else ""}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid nginx.pid;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  map $http_upgrade $upgrading {{ default upgrade; '' ''; }}
  upstream backend {{
    server 127.0.0.1:{backend};
    keepalive {KEPT};
    keepalive_requests 1000000000;
  }}
  server {{ listen 127.0.0.1:{port} default_server backlog=4096; return 404; }}
  server {{
    listen 127.0.0.1:{port};
    server_name {NAME};
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 1h;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $upgrading;
    }}
  }}
}}
"""


def haproxy(port: int, backend: int) -> str:
    """Return haproxy.cfg: one thread, upstream connections reused always."""
    return f"""global
  nbthread 1
  maxconn 8000
defaults
  mode http
  option forwardfor
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
frontend in
  bind 127.0.0.1:{port} backlog 4096
  acl known hdr(host),field(1,:) -i {NAME}
  use_backend out if known
backend out
  server backend 127.0.0.1:{backend}
"""


def caddy(port: int, backend: int) -> str:
    """Return a Caddyfile."""
    return f"""{{
  admin off
  auto_https off
  persist_config off
}}
http://{NAME}:{port} {{
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:{backend} {{
    transport http {{
      keepalive_idle_conns_per_host {KEPT}
    }}
  }}
}}
http://:{port} {{
  bind 127.0.0.1
  respond 404
}}
"""


def envoy(port: int, backend: int) -> dict[str, Any]:
    """Return Envoy's bootstrap: no limit that the bench could meet."""
    return {
        "static_resources": {
            "listeners": [
                {
                    "name": "in",
                    "address": _address(port),
                    "filter_chains": [{"filters": [_envoy_manager()]}],
                }
            ],
            "clusters": [_envoy_cluster(backend)],
        }
    }


def _envoy_manager() -> dict[str, Any]:
    router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
    manager = (
        "type.googleapis.com/envoy.extensions.filters.network"
        ".http_connection_manager.v3.HttpConnectionManager"
    )
    route = {"match": {"prefix": "/"}, "route": {"cluster": "backend", "timeout": "0s"}}
    config = {
        "@type": manager,
        "stat_prefix": "in",
        "use_remote_address": True,
        "stream_idle_timeout": "0s",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": router}}],
        "route_config": {
            "virtual_hosts": [{"name": "bench", "domains": [NAME, f"{NAME}:*"], "routes": [route]}]
        },
    }
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": config}


def _envoy_cluster(backend: int) -> dict[str, Any]:
    most = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), 20000)
    endpoint = {"endpoint": {"address": _address(backend)}}
    return {
        "name": "backend",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [most]},
        "load_assignment": {
            "cluster_name": "backend",
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
