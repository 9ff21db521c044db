import { z } from "zod";
import type { Clock } from "../../../shared/clock.ts";
import { httpsClient } from "../../../shared/https-exchange.ts";
import { denied } from "../refusal.ts";
import { accessTokens } from "./access-tokens.ts";
import type { AttestedDocument } from "./document.ts";
import type { VirtualMachinesSettings } from "./settings.ts";

const MAXIMUM_BYTES = 256 * 1024;
const MAXIMUM_CONNECTIONS = 8;
const API_VERSION = "2024-07-01";

/** Names as Azure allows them; none begins with a dot, so that no path can be left. */
const NAME = "([A-Za-z0-9_(-][-\\w.()]{0,89})";
const RESOURCE_ID = new RegExp(
  `^/subscriptions/([0-9a-f-]{36})/resourceGroups/${NAME}/providers/Microsoft\\.Compute/` +
    `(?:virtualMachines/${NAME}|virtualMachineScaleSets/${NAME}/virtualMachines/${NAME})$`,
  "i",
);

const machineSchema = z.object({
  name: z.string().min(1).max(256),
  properties: z.object({
    vmId: z.guid().toLowerCase(),
    osProfile: z.object({ computerName: z.string().max(64).optional() }).optional(),
  }),
});

/** What the resource API says of the machine of a document. */
export interface VirtualMachine {
  readonly resourceGroup: string;
  /** Undefined for a machine of its own. */
  readonly scaleSet: string | undefined;
  readonly name: string;
  /** In lower case. */
  readonly computerName: string | undefined;
}

/** The resource API. */
export interface VirtualMachines {
  /**
   * @param resourceId - what the caller says: any resource whose `vmId` is the document's is its machine.
   * @throws {AttestationRefusal} when it is another machine, in another place, or could not be looked up.
   */
  confirm(resourceId: string | undefined, document: AttestedDocument, signal: AbortSignal): Promise<VirtualMachine>;
  close(): void;
}

/** Asks as an identity that needs to read virtual machines and nothing else. */
export function virtualMachines(settings: VirtualMachinesSettings, clock: Clock): VirtualMachines {
  const tokens = accessTokens(settings, clock);
  const resourceGroups = settings.resourceGroups?.map((name) => name.toLowerCase());
  const client = httpsClient({
    timeoutMilliseconds: settings.timeoutSeconds * 1000,
    maximumBytes: MAXIMUM_BYTES,
    maximumConnections: MAXIMUM_CONNECTIONS,
    allowPlainHttp: settings.allowPlainHttp,
  });

  async function lookUp(path: string, signal: AbortSignal) {
    const headers = { authorization: `Bearer ${await tokens(signal)}` };
    const url = new URL(`${path}?api-version=${API_VERSION}`, settings.endpoint);
    const { body } = await client.exchange(url, { method: "GET", headers, signal });
    return machineSchema.parse(JSON.parse(body.toString("utf8")));
  }

  return {
    async confirm(resourceId, { subscriptionId, vmId }, signal) {
      const resource = readResourceId(resourceId);
      const { resourceGroup, scaleSet } = resource;
      if (resource.subscription !== subscriptionId)
        throw denied("the resource is of another subscription than the document");
      if (resourceGroups !== undefined && !resourceGroups.includes(resourceGroup))
        throw denied(`the profile does not list the resource group ${resourceGroup}`);
      const machine = await lookUp(resource.path, signal).catch((error: unknown) => {
        throw denied(`the virtual machine could not be looked up: ${(error as Error).message}`, error);
      });
      const { name, properties } = machine;
      if (properties.vmId !== vmId)
        throw denied(`the resource ${resource.path} is the machine ${properties.vmId}, the document's is ${vmId}`);
      return { resourceGroup, scaleSet, name, computerName: properties.osProfile?.computerName?.toLowerCase() };
    },
    close: () => client.close(),
  };
}

/** Makes the path anew of its parts, as Azure does not tell cases apart. */
function readResourceId(resourceId: string | undefined) {
  if (resourceId === undefined)
    throw denied("the proof has no resourceId, which the profile needs to look the machine up");
  const [, subscription, resourceGroup, machine, scaleSet, instance] = RESOURCE_ID.exec(resourceId) ?? [];
  if (subscription === undefined || resourceGroup === undefined)
    throw denied(`${JSON.stringify(resourceId)} is no resource id of a virtual machine`);
  const group = `/subscriptions/${subscription.toLowerCase()}/resourceGroups/${encodeURIComponent(resourceGroup)}`;
  const tail =
    machine === undefined
      ? `virtualMachineScaleSets/${encodeURIComponent(scaleSet ?? "")}/virtualMachines/${encodeURIComponent(instance ?? "")}`
      : `virtualMachines/${encodeURIComponent(machine)}`;
  return {
    path: `${group}/providers/Microsoft.Compute/${tail}`,
    subscription: subscription.toLowerCase(),
    resourceGroup: resourceGroup.toLowerCase(),
    scaleSet,
  };
}
