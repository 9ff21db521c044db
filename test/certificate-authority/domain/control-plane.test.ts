import { expect, test } from "@jest/globals";
import {
  controlPlaneCertificates,
  controlPlaneIssuerName,
  isControlPlaneIssuer,
} from "../../../services/certificate-authority/domain/control-plane.ts";
import {
  firstServiceAddress,
  readEndpoint,
  urlOf,
} from "../../../services/certificate-authority/domain/control-plane-endpoints.ts";
import { controlPlaneProblems } from "../../../services/certificate-authority/domain/control-plane-problems.ts";
import { trustAnchors } from "../../../services/certificate-authority/domain/trust.ts";
import { controlPlaneSettings } from "../../builders/control-plane.ts";

const CLIENT = ["clientAuth"];
const BOTH = ["serverAuth", "clientAuth"];
const ETCD_NAMES = { dns: ["cp-1", "localhost"], ip: ["192.0.2.10", "127.0.0.1", "::1"] };
const API_NAMES = {
  dns: ["cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"],
  ip: ["10.96.0.1", "192.0.2.10"],
};
const NONE = { dns: [], ip: [] };

/** What kubeadm 1.36 makes of the same settings: phases/certs/certlist.go and phases/kubeconfig/kubeconfig.go. */
const KUBEADM = [
  {
    name: "apiserver",
    ca: "ca",
    cn: "kube-apiserver",
    o: [],
    eku: ["serverAuth"],
    names: API_NAMES,
    path: "apiserver",
  },
  { name: "apiserver-kubelet-client", ca: "ca", cn: "kube-apiserver-kubelet-client", o: [], eku: CLIENT },
  { name: "front-proxy-client", ca: "front-proxy-ca", cn: "front-proxy-client", o: [], eku: CLIENT },
  { name: "apiserver-etcd-client", ca: "etcd-ca", cn: "kube-apiserver-etcd-client", o: [], eku: CLIENT },
  { name: "etcd-server", ca: "etcd-ca", cn: "cp-1", o: [], eku: BOTH, names: ETCD_NAMES, path: "etcd/server" },
  { name: "etcd-peer", ca: "etcd-ca", cn: "cp-1", o: [], eku: BOTH, names: ETCD_NAMES, path: "etcd/peer" },
  {
    name: "etcd-healthcheck-client",
    ca: "etcd-ca",
    cn: "kube-etcd-healthcheck-client",
    o: [],
    eku: CLIENT,
    path: "etcd/healthcheck-client",
  },
  { name: "admin.conf", ca: "ca", cn: "kubernetes-admin", o: ["kubeadm:cluster-admins"], eku: CLIENT },
  { name: "super-admin.conf", ca: "ca", cn: "kubernetes-super-admin", o: ["system:masters"], eku: CLIENT },
  { name: "controller-manager.conf", ca: "ca", cn: "system:kube-controller-manager", o: [], eku: CLIENT },
  { name: "scheduler.conf", ca: "ca", cn: "system:kube-scheduler", o: [], eku: CLIENT },
  { name: "kubelet.conf", ca: "ca", cn: "system:node:cp-1", o: ["system:nodes"], eku: CLIENT },
].map((row) => ({ names: NONE, path: row.name, ...row }));

test.each(KUBEADM)("$name is what kubeadm makes it", ({ name, ca, cn, o, eku, names, path }) => {
  const found = controlPlaneCertificates(controlPlaneSettings()).find((certificate) => certificate.name === name);
  expect(found).toMatchObject({ authority: ca, commonName: cn, organizations: o, purposes: eku });
  expect(found?.sans).toEqual({ dnsNames: names.dns, ipAddresses: names.ip, emailAddresses: [], uris: [] });
  expect(found?.place.kind === "pair" ? found.place.path : found?.place.file).toBe(path);
});

test("nothing else is made, and nothing of etcd's when it runs elsewhere", () => {
  const names = (etcd: "local" | "external") =>
    controlPlaneCertificates(controlPlaneSettings({ etcd })).map(({ name }) => name);
  expect(names("local")).toEqual(KUBEADM.map(({ name }) => name));
  expect(names("external")).toEqual(names("local").filter((name) => !name.includes("etcd")));
});

test("each certificate is on record under a signer of its own, the kubelet's under the kubelets' signer", () => {
  const signers = controlPlaneCertificates(controlPlaneSettings()).map(({ signerName }) => signerName);
  expect(new Set(signers).size).toBe(signers.length);
  expect(signers.filter((signerName) => !signerName.startsWith("gatehouse.dev/pki-"))).toEqual([
    "kubernetes.io/kube-apiserver-client-kubelet",
  ]);
});

test("endpoint, extra names and an IPv6 service range are named once each, as kubeadm orders them", () => {
  const settings = controlPlaneSettings({
    controlPlaneEndpoint: "[2001:DB8::1]:8443",
    extraNames: ["api.example", "*.example", "192.0.2.10", "cp-1", "203.0.113.7"],
    serviceCidrs: ["fd00:10:96::/112", "10.96.0.0/12"],
  });
  const [apiserver] = controlPlaneCertificates(settings);
  expect(apiserver?.sans.dnsNames).toEqual(["*.example", "api.example", ...API_NAMES.dns]);
  expect(apiserver?.sans.ipAddresses).toEqual(["fd00:10:96::1", "192.0.2.10", "2001:db8::1", "203.0.113.7"]);
});

test.each([
  { endpoint: undefined, shared: "https://192.0.2.10:7443" },
  { endpoint: "api.example", shared: "https://api.example:7443" },
  { endpoint: "api.example:443", shared: "https://api.example:443" },
  { endpoint: "2001:db8::1", shared: "https://[2001:db8::1]:7443" },
])("with the endpoint $endpoint, people and kubelets use $shared, the node's own components its address", (row) => {
  const settings = controlPlaneSettings({ bindPort: 7443, controlPlaneEndpoint: row.endpoint });
  const servers = controlPlaneCertificates(settings).flatMap(({ name, place }) =>
    place.kind === "kubeconfig" ? [[name, place.server]] : [],
  );
  expect(Object.fromEntries(servers)).toEqual({
    "admin.conf": row.shared,
    "super-admin.conf": row.shared,
    "kubelet.conf": row.shared,
    "controller-manager.conf": "https://192.0.2.10:7443",
    "scheduler.conf": "https://192.0.2.10:7443",
  });
});

test.each([
  { cidr: "10.96.0.0/12", address: "10.96.0.1" },
  { cidr: "10.97.3.9/12", address: "10.96.0.1" },
  { cidr: "192.0.2.128/30", address: "192.0.2.129" },
  { cidr: "fd00::/108", address: "fd00::1" },
  { cidr: "192.0.2.1/32", address: undefined },
  { cidr: "10.96.0.0", address: undefined },
  { cidr: "10.96.0.0/33", address: undefined },
  { cidr: "10.96.0.0/12/1", address: undefined },
  { cidr: "services/12", address: undefined },
])("the first service address of $cidr is $address", ({ cidr, address }) => {
  expect(firstServiceAddress(cidr)).toBe(address);
});

test.each([
  { text: "api.example", endpoint: { host: "api.example", port: undefined } },
  { text: "192.0.2.1:443", endpoint: { host: "192.0.2.1", port: 443 } },
  { text: "::1", endpoint: { host: "::1", port: undefined } },
  { text: "[::1]:65535", endpoint: { host: "::1", port: 65_535 } },
  { text: "[api.example]:1", endpoint: undefined },
  { text: "api.example:0", endpoint: undefined },
  { text: "api.example:65536", endpoint: undefined },
  { text: "https://api.example", endpoint: undefined },
  { text: "API.example", endpoint: undefined },
  { text: "", endpoint: undefined },
])("the endpoint $text is read as $endpoint", ({ text, endpoint }) => {
  expect(readEndpoint(text)).toEqual(endpoint);
});

test("an IPv6 address gets brackets in a URL", () => {
  expect(urlOf({ host: "::1", port: 1 })).toBe("https://[::1]:1");
});

test.each([
  { option: "--cluster-name", settings: { clusterName: "a/b" } },
  { option: "--node-name", settings: { nodeName: "Node_1" } },
  { option: "--node-name", settings: { nodeName: "n".repeat(53) } },
  { option: "--apiserver-advertise-address", settings: { advertiseAddress: "cp-1" } },
  { option: "--apiserver-advertise-address", settings: { advertiseAddress: "0.0.0.0" } },
  { option: "--apiserver-bind-port", settings: { bindPort: 0 } },
  { option: "--control-plane-endpoint", settings: { controlPlaneEndpoint: "https://api.example" } },
  { option: "--service-dns-domain", settings: { serviceDnsDomain: "" } },
  { option: "--service-cidr", settings: { serviceCidrs: ["10.96.0.0"] } },
  { option: "--service-cidr", settings: { serviceCidrs: ["10.0.0.0/8", "fd00::/108", "10.1.0.0/16"] } },
  { option: "--apiserver-cert-extra-sans", settings: { extraNames: ["a_b"] } },
  { option: "--apiserver-cert-extra-sans", settings: { extraNames: Array.from({ length: 101 }, (_, n) => `n${n}`) } },
])("$option is refused by its name", ({ option, settings }) => {
  const problems = controlPlaneProblems(controlPlaneSettings(settings));
  expect(problems).toEqual([expect.stringContaining(`${option} "`)]);
});

test("settings that are right have no problems", () => {
  const extraNames = ["*.example", "::1"];
  expect(controlPlaneProblems(controlPlaneSettings({ extraNames, controlPlaneEndpoint: "api.example" }))).toEqual([]);
});

test("a control plane's own CA is known by its name, and nobody who trusts Gatehouse trusts it", () => {
  const issuer = { id: "1", certificatePem: "A\n", ancestorsPem: "", notAfter: new Date(1) };
  const own = { ...issuer, id: "2", certificatePem: "B\n", name: controlPlaneIssuerName("kubernetes", "etcd-ca") };
  expect([isControlPlaneIssuer(own), isControlPlaneIssuer({ name: "pki" })]).toEqual([true, false]);
  expect(trustAnchors([own, { ...issuer, name: "default" }], new Date(0))).toEqual(["A\n"]);
});
