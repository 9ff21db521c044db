import type { Attestations } from "../../domain/attestation.ts";
import type { EvidenceSource } from "./source.ts";

const CURE = "enroll the machine with that name, or attest with evidence that shows it";

/** Names and addresses that a node's machine showed to be its own when it attested, or that it was enrolled with. */
export function attestationSource(attestations: Pick<Attestations, "bindingOf">): EvidenceSource {
  return {
    name: "attestation",
    show(nodeName, { kind, name }) {
      const binding = attestations.bindingOf(nodeName);
      if (binding === undefined)
        return { isShown: false, says: `${nodeName} is bound to no machine`, cure: `attest ${nodeName}` };
      const { dnsNames, ipAddresses } = binding.names;
      const isShown = (kind === "dns" ? dnsNames : ipAddresses).includes(name);
      const machine = `machine ${binding.machineId}, attested by ${binding.attestor}`;
      return isShown
        ? { isShown, says: `${name} belongs to ${machine}`, isExact: false }
        : { isShown, says: `${name} is none of the names of ${machine}`, cure: CURE };
    },
  };
}
