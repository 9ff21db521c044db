import { error, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import { isDnsSubdomain } from "../../../shared/dns-names.ts";
import type { NodeCheck } from "../contract.ts";

export const nodeName: NodeCheck = {
  id: "node.name",
  title: "whether this host can be a node of its name",
  run({ nodeName: name, isNodeNameGiven }) {
    const subject = `node name ${name}`;
    if (!isDnsSubdomain(name)) {
      const wayOut = "rename the host, or give the kubelet --hostname-override: a lower-case DNS subdomain";
      return [error(subject, "is no lower-case DNS subdomain of at most 253 characters", wayOut)];
    }
    if (!isNodeNameGiven && (name === "localhost" || name.startsWith("localhost."))) {
      return [
        error(subject, "is what every host calls itself", "hostnamectl set-hostname, then start the kubelet again"),
      ];
    }
    return [ok(subject, isNodeNameGiven ? "can be a node's" : "can be a node's; it is this host's")];
  },
};

export const rotation: NodeCheck = {
  id: "node.rotation",
  title: "whether the kubelet renews its client certificate (rotateCertificates)",
  run({ settings }) {
    const { configFile, configProblem, rotatesClientCertificate: rotates } = settings;
    if (rotates === undefined) return [skipped(configFile, `${configProblem ?? ""}; name it with --kubelet-config`)];
    if (rotates) return [ok(configFile, "rotateCertificates is on")];
    const wayOut = "set rotateCertificates: true, then start the kubelet again";
    return [error(configFile, "rotateCertificates is off: the node is lost when its certificate ends", wayOut)];
  },
};

export const servingBootstrap: NodeCheck = {
  id: "node.serving",
  title: "whether the kubelet asks for its serving certificate (serverTLSBootstrap)",
  run({ settings }) {
    const { configFile, configProblem, asksForServingCertificate: asks } = settings;
    if (asks === undefined) return [skipped(configFile, `${configProblem ?? ""}; name it with --kubelet-config`)];
    if (asks) return [ok(configFile, "serverTLSBootstrap is on")];
    const wayOut = "set serverTLSBootstrap: true where somebody approves serving certificates (hook kubelet-serving)";
    return [
      warning(
        configFile,
        "serverTLSBootstrap is off: the kubelet serves with a certificate that nobody signed",
        wayOut,
      ),
    ];
  },
};

export const runningKubelet: NodeCheck = {
  id: "node.kubelet",
  title: "whether a kubelet runs, and where it looks for its files",
  run({ settings: { pid, kubeconfig, certificateDirectory } }) {
    const places = `${kubeconfig}, ${certificateDirectory}`;
    if (pid === undefined) return [skipped("kubelet", `none is seen to run; looking at ${places}`)];
    return [ok(`kubelet (process ${pid})`, `looks at ${places}`)];
  },
};
