# The image of ../Containerfile, from Nix: `nix build .#image && podman load <result`.
{
  dockerTools,
  cacert,
  ocr-router,
}:
let
  state = "/var/lib/opencoderouter";
in
dockerTools.buildLayeredImage {
  name = "opencoderouter";
  tag = "latest";
  created = "1970-01-01T00:00:01Z"; # the same source is the same image
  contents = [
    ocr-router
    cacert
    dockerTools.fakeNss
  ];
  # For any --user: all state is kept in one, the other is everybody's as always.
  extraCommands = ''
    mkdir -p .${state} tmp
    chmod 1777 .${state} tmp
  '';
  config = {
    Entrypoint = [ "ocr-router" ];
    Cmd = [ "serve" ];
    Env = [
      "PATH=/bin"
      "HOME=${state}"
      "PYTHONUNBUFFERED=1"
      "SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt"
    ];
    User = "10001:10001"; # a number: Kubernetes cannot tell that a named user is not root
    ExposedPorts."8080/tcp" = { };
    Volumes.${state} = { };
    StopSignal = "SIGTERM";
    Healthcheck.Test = [ "CMD" "ocr-router" "health" ];
    Labels = {
      "org.opencontainers.image.title" = "OpenCodeRouter";
      "org.opencontainers.image.description" = ocr-router.meta.description;
      "org.opencontainers.image.version" = ocr-router.version;
      "org.opencontainers.image.licenses" = "MIT";
    };
  };
}
