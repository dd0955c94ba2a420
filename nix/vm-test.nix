# Two machines, one with the module: its user gets in, others and the other machine do not, names resolve.
self: {
  name = "opencoderouter";

  nodes = {
    machine = {
      imports = [ self.nixosModules.default ];
      users.users = {
        alice.isNormalUser = true;
        bob.isNormalUser = true;
      };
      services.opencoderouter = {
        enable = true;
        openFirewall = true;
        users.alice = { };
        dns = {
          enable = true;
          listen = [ "0.0.0.0:53" ];
          environmentFile = "/run/dns.env";
          settings.mdns = false; # what it answers it has from the router
        };
      };
    };
    other =
      { pkgs, ... }:
      {
        environment.systemPackages = [ pkgs.dig ];
      };
  };

  testScript = ''
    start_all()
    machine.wait_for_unit("opencoderouter@alice.service")
    machine.succeed("su alice -c 'ocr-router health'")
    machine.succeed("su alice -c 'curl --fail http://localhost:8080/api/backends'")
    machine.fail("su bob -c 'curl --fail http://localhost:8080/api/backends'")

    other.wait_for_unit("multi-user.target")
    other.succeed("curl --fail http://machine:8080/api/health")
    other.fail("curl --fail http://machine:8080/api/backends")

    token = machine.succeed("su alice -c 'ocr-router token create dns --read-only'").strip()
    machine.succeed(f"umask 077; echo OCR_TOKEN={token} >/run/dns.env")
    machine.systemctl("restart opencoderouter-dns.service")
    machine.wait_for_unit("opencoderouter-dns.service")
    other.wait_until_succeeds("dig +short @machine ocr-alice-machine.local | grep .")

    machine.systemctl("stop opencoderouter@alice.service")
    machine.succeed("systemctl show --property=Result opencoderouter@alice.service | grep success")
  '';
}
