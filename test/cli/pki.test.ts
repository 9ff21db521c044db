import { expect, test } from "@jest/globals";
import type { PkiExpiration, PkiOptions, PkiOutcome } from "../../services/cli/certificate-authority.ts";
import { gatehouse } from "./fixture.ts";

const OUTCOME: PkiOutcome = {
  files: [
    { name: "apiserver", path: "/k/pki/apiserver", action: "made", notAfter: new Date("2027-01-02T03:04:05Z") },
    { name: "sa", path: "/k/pki/sa", action: "kept", notAfter: undefined },
  ],
  notices: ["admin.conf is odd"],
};
const ADDRESS = ["--apiserver-advertise-address", "192.0.2.10"];

async function init(args: readonly string[], answer: () => Promise<PkiOutcome> = async () => OUTCOME) {
  const seen: PkiOptions[] = [];
  const initializePki = (options: PkiOptions) => {
    seen.push(options);
    return answer();
  };
  const outcome = await gatehouse(["pki", "init", ...ADDRESS, ...args], {
    workingDirectory: "/work-here",
    certificateAuthority: { initializePki },
  });
  return { ...outcome, options: seen[0] };
}

test("pki init hands over what was said, and kubeadm's defaults", async () => {
  const { code, options } = await init(["--node-name", "cp-1"]);
  expect(code).toBe(0);
  expect(options).toEqual({
    ...{ configFile: undefined, dataDirectory: undefined, directory: "/etc/kubernetes/pki" },
    ...{ clusterName: "kubernetes", nodeName: "cp-1", advertiseAddress: "192.0.2.10", bindPort: 6443 },
    ...{ controlPlaneEndpoint: undefined, extraNames: [], serviceCidrs: ["10.96.0.0/12"] },
    ...{ serviceDnsDomain: "cluster.local", etcd: "local", keyAlgorithm: "rsa-2048", lifetimeSeconds: 31_536_000 },
    ...{ isExternal: false, isRenewing: false, renewBeforeSeconds: undefined },
  });
});

test("pki init hands over every option", async () => {
  const { options } = await init([
    ...[
      "--config",
      "g.yaml",
      "--data-dir",
      "d",
      "--directory",
      "k/pki",
      "--cluster-name",
      "blue",
      "--node-name",
      "cp-2",
    ],
    ...[
      "--control-plane-endpoint",
      "api.example:443",
      "--apiserver-bind-port",
      "7443",
      "--service-dns-domain",
      "c.local",
    ],
    ...["--apiserver-cert-extra-sans", "a.example,192.0.2.1", "--apiserver-cert-extra-sans", "b.example"],
    ...["--service-cidr", "10.0.0.0/16,fd00::/112", "--etcd", "external", "--key-algorithm", "ecdsa-p256"],
    ...["--lifetime", "30d", "--external-ca", "--renew", "--renew-before", "10d"],
  ]);
  expect(options).toMatchObject({
    ...{
      configFile: "g.yaml",
      dataDirectory: "d",
      directory: "/work-here/k/pki",
      clusterName: "blue",
      nodeName: "cp-2",
    },
    ...{ controlPlaneEndpoint: "api.example:443", bindPort: 7443, serviceDnsDomain: "c.local" },
    extraNames: ["a.example", "192.0.2.1", "b.example"],
    ...{ serviceCidrs: ["10.0.0.0/16", "fd00::/112"], etcd: "external", keyAlgorithm: "ecdsa-p256" },
    ...{ lifetimeSeconds: 2_592_000, isExternal: true, isRenewing: true, renewBeforeSeconds: 864_000 },
  });
});

test("pki init prints what became of each file, and warnings apart", async () => {
  const { stdout, stderr } = await init([]);
  expect(stdout).toBe(
    "NAME        ACTION   NOT AFTER              PATH\n" +
      "apiserver   made     2027-01-02T03:04:05Z   /k/pki/apiserver\n" +
      "sa          kept     <none>                 /k/pki/sa\n",
  );
  expect(stderr).toMatch(/^warning: admin\.conf is odd\nwarning: the keys of the CAs lie unencrypted.*--external-ca/);
  const external = await init(["--external-ca", "-o", "json"]);
  expect(JSON.parse(external.stdout)).toMatchObject({
    kind: "PkiFileList",
    items: [
      { name: "apiserver", path: "/k/pki/apiserver", action: "made", notAfter: "2027-01-02T03:04:05Z" },
      { name: "sa" },
    ],
  });
  expect(external.stderr).not.toContain("unencrypted");
});

test.each([
  { args: ["--renew-before", "1d"], message: "--renew-before needs --renew" },
  { args: ["--apiserver-bind-port", "70000"], message: "Give a port" },
  { args: ["--etcd", "stacked"], message: "Allowed choices are local, external" },
  { args: ["--lifetime", "soon"], message: "Give a duration" },
])("pki init $args is a wrong command line", async ({ args, message }) => {
  const { code, stderr, options } = await init(args);
  expect([code, options]).toEqual([2, undefined]);
  expect(stderr).toContain(message);
});

test("what pki init refuses is told without a stack, and a running server with the way out", async () => {
  const refused = await init([], async () => {
    throw Object.assign(new Error("ca.crt is another CA"), { name: "PkiError" });
  });
  expect([refused.code, refused.stderr]).toEqual([1, "error: ca.crt is another CA\n"]);
  const locked = await init([], async () => {
    throw Object.assign(new Error("gatehouse.db is in use"), { name: "LedgerOpenError", code: "locked" });
  });
  expect(locked.stderr).toMatch(/^error: gatehouse\.db is in use\n.*stop the server/);
  const defect = await init([], async () => {
    throw new TypeError("oh");
  });
  expect(defect.stderr).toContain("defect of gatehouse");
});

const EXPIRATION: PkiExpiration = {
  certificates: [
    {
      ...{ name: "apiserver", notAfter: new Date("2027-01-02T03:04:05Z"), residualSeconds: 2 * 86_400 },
      ...{ isExternallyManaged: true, authority: "ca", isMissing: false },
    },
    {
      ...{ name: "admin.conf", notAfter: undefined, residualSeconds: 0 },
      ...{ isExternallyManaged: true, authority: "ca", isMissing: true },
    },
  ],
  authorities: [
    {
      ...{ name: "ca", notAfter: new Date("2030-01-02T03:04:05Z"), residualSeconds: 4 * 365 * 86_400 },
      ...{ isExternallyManaged: true, authority: undefined, isMissing: false },
    },
  ],
};

function check(args: readonly string[], found = EXPIRATION) {
  return gatehouse(["pki", "check", ...args], { certificateAuthority: { checkPki: async () => found } });
}

test("pki check tells expiry as kubeadm does", async () => {
  const { code, stdout } = await check([]);
  expect(code).toBe(0);
  expect(stdout).toBe(
    "CERTIFICATE            EXPIRES                RESIDUAL TIME   CERTIFICATE AUTHORITY   EXTERNALLY MANAGED\n" +
      "apiserver              2027-01-02T03:04:05Z   2d              ca                      yes\n" +
      "!MISSING! admin.conf\n" +
      "\n" +
      "CERTIFICATE AUTHORITY   EXPIRES                RESIDUAL TIME   EXTERNALLY MANAGED\n" +
      "ca                      2030-01-02T03:04:05Z   4y              yes\n",
  );
  expect(JSON.parse((await check(["-o", "json"])).stdout)).toEqual({
    apiVersion: "gatehouse.dev/v1",
    kind: "CertificateExpirationInfo",
    certificates: [
      {
        ...{ name: "apiserver", expirationDate: "2027-01-02T03:04:05Z", residualTime: 172_800 },
        ...{ externallyManaged: true, caName: "ca", missing: false },
      },
      {
        ...{ name: "admin.conf", expirationDate: null, residualTime: 0 },
        ...{ externallyManaged: true, caName: "ca", missing: true },
      },
    ],
    certificateAuthorities: [
      {
        ...{ name: "ca", expirationDate: "2030-01-02T03:04:05Z", residualTime: 126_144_000 },
        ...{ externallyManaged: true, missing: false },
      },
    ],
  });
});

test("pki check fails when something has expired, or soon will", async () => {
  const soon = await check(["--expires-within", "3d"]);
  expect([soon.code, soon.stderr]).toEqual([1, expect.stringContaining("expired or about to: apiserver\n")]);
  const [apiserver, ...others] = EXPIRATION.certificates;
  const expired = { ...EXPIRATION, certificates: [{ ...apiserver, residualSeconds: -1 }, ...others] } as PkiExpiration;
  const outcome = await check([], expired);
  expect([outcome.code, outcome.stdout]).toEqual([1, expect.stringMatching(/apiserver .* <expired> /)]);
});
