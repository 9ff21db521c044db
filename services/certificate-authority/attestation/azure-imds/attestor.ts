import { azureImdsProof } from "../../../shared/attestation/proofs.ts";
import { octetsOf } from "../../../shared/attestation/wire.ts";
import type { Attestor, AttestorTools, Evidence } from "../attestor.ts";
import { SignedData } from "../cms/signed-data.ts";
import { noHello } from "../no-hello.ts";
import { type AttestedDocument, readAttestedDocument } from "./document.ts";
import { fetchIntermediates } from "./fetched-intermediates.ts";
import type { AzureImdsSettings } from "./settings.ts";
import { createSignerJudge, signerOf } from "./signer.ts";
import { type VirtualMachine, virtualMachines } from "./virtual-machines.ts";

/**
 * Proves that somebody has asked, for this attestation, the metadata service of a virtual machine in a listed subscription;
 * with `virtualMachines` also which resource that machine is, in a listed resource group.
 *
 * It does not prove that the caller is the machine's root user: every process that reaches the metadata service can ask it.
 * Without `virtualMachines` it tells nothing of the machine but ids, and every machine of the subscription has them.
 */
export function createAzureImdsAttestor(
  settings: AzureImdsSettings,
  { clock }: Pick<AttestorTools, "clock">,
): Attestor {
  const fetched = settings.fetchIntermediates && fetchIntermediates(settings.fetchIntermediates, clock);
  const signers = createSignerJudge(settings, fetched);
  const machines = settings.virtualMachines && virtualMachines(settings.virtualMachines, clock);

  return {
    async verify({ hello, proof, bind, now, signal }) {
      noHello.parse(hello);
      const { document: octets, resourceId } = azureImdsProof.parse(proof);
      const message = SignedData.read(octetsOf(octets), { needsAttributes: false });
      const signer = signerOf(message);
      // What this signer says can only refuse, as long as nobody has judged the signer: that may take asking others.
      const document = readAttestedDocument(message.contentSignedBy(signer), bind, settings, now);
      const others = message.certificates.filter((der) => !der.equals(signer.raw));
      await signers.judge(signer, others, now, signal);
      return evidenceOf(document, await machines?.confirm(resourceId, document, signal));
    },
    close() {
      fetched?.close();
      machines?.close();
    },
  };
}

function evidenceOf({ subscriptionId, vmId }: AttestedDocument, machine: VirtualMachine | undefined): Evidence {
  const { resourceGroup, scaleSet, name, computerName } = machine ?? {};
  return {
    machineId: `azure:${subscriptionId}/${vmId}`,
    pins: {},
    fields: {
      ...{ subscription_id: subscriptionId, vm_id: vmId },
      ...(resourceGroup !== undefined && { resource_group: resourceGroup }),
      ...(scaleSet !== undefined && { scale_set: scaleSet }),
      ...(name !== undefined && { vm_name: name }),
      ...(computerName !== undefined && { computer_name: computerName }),
    },
    isFresh: true,
  };
}
