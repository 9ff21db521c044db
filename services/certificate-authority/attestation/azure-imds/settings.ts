import { z } from "zod";
import { allowPlainHttp, endpoint, plainHttpProblem } from "../endpoint.ts";

const path = z.string().min(1).max(4096);
const guid = z.guid().toLowerCase();
const timeoutSeconds = z.number().positive().max(30).default(10);

/** Who we are to Azure's resource API. */
const identitySchema = z
  .strictObject({
    /** The identity of the machine we run on, or one of several: Azure's metadata service has its tokens. */
    managedIdentity: z.strictObject({ clientId: guid.optional(), endpoint: endpoint.optional() }).optional(),
    clientSecret: z
      .strictObject({
        tenantId: guid,
        clientId: guid,
        /** Surrounding white space does not count; read again when it changes. */
        secretFile: path,
        endpoint: endpoint.default("https://login.microsoftonline.com"),
      })
      .optional(),
  })
  .refine(
    ({ managedIdentity, clientSecret }) => (managedIdentity === undefined) !== (clientSecret === undefined),
    "must have managedIdentity or clientSecret, not both",
  );

/** Whether the machine is what the resource API says of the resource that it names. */
const virtualMachinesSchema = z
  .strictObject({
    /** The machine has to be in one of them; in any when absent. */
    resourceGroups: z.array(z.string().min(1).max(90)).min(1).max(1000).optional(),
    identity: identitySchema,
    endpoint: endpoint.default("https://management.azure.com"),
    allowPlainHttp,
    timeoutSeconds,
  })
  .superRefine((settings, context) => {
    const { managedIdentity, clientSecret } = settings.identity;
    const endpoints = [
      { url: settings.endpoint, path: ["endpoint"] },
      { url: managedIdentity?.endpoint, path: ["identity", "managedIdentity", "endpoint"] },
      { url: clientSecret?.endpoint, path: ["identity", "clientSecret", "endpoint"] },
    ];
    for (const { url, path: place } of endpoints) {
      const message = plainHttpProblem(url, settings.allowPlainHttp);
      if (message !== undefined) context.addIssue({ code: "custom", path: place, message });
    }
  });

/** Where certificates of CAs between signer and root are fetched from: Microsoft's repository. */
const fetchIntermediatesSchema = z
  .strictObject({ endpoint: endpoint.default("https://www.microsoft.com"), allowPlainHttp, timeoutSeconds })
  .superRefine((settings, context) => {
    const message = plainHttpProblem(settings.endpoint, settings.allowPlainHttp);
    if (message !== undefined) context.addIssue({ code: "custom", path: ["endpoint"], message });
  });

/** Machines that show the attested document of their Azure virtual machine. */
export const azureImdsShape = {
  attestor: z.literal("azure_imds"),
  subscriptions: z.array(guid).min(1).max(1000),
  /** Roots that Azure's metadata certificates lead to: PEM, or a directory of PEM and DER files; read again when they change. */
  roots: path,
  /** CAs between these and the signers, likewise: Azure's documents hold the signer's certificate alone. */
  intermediates: path.optional(),
  /** Fetches what `intermediates` does not have. */
  fetchIntermediates: fetchIntermediatesSchema.optional(),
  /** The signer's certificate is for one of them or a name below; sovereign clouds have others, e.g. `metadata.azure.us`. */
  signerDomains: z
    .array(z.string().regex(/^(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,63}$/, "must be a domain in lower case"))
    .min(1)
    .max(16)
    .default(["metadata.azure.com"]),
  /** How much clocks of ours and of Azure may differ. */
  clockSkewSeconds: z.int().min(0).max(600).default(120),
  virtualMachines: virtualMachinesSchema.optional(),
};

const schema = z.strictObject(azureImdsShape);
export type AzureImdsSettings = z.infer<typeof schema>;
export type FetchIntermediatesSettings = z.infer<typeof fetchIntermediatesSchema>;
export type VirtualMachinesSettings = z.infer<typeof virtualMachinesSchema>;

/** @param resolve - makes a path of the configuration file absolute. */
export function resolveAzureImdsPaths<T extends AzureImdsSettings>(settings: T, resolve: (path: string) => string): T {
  const { roots, intermediates, virtualMachines } = settings;
  return {
    ...settings,
    roots: resolve(roots),
    ...(intermediates !== undefined && { intermediates: resolve(intermediates) }),
    ...(virtualMachines !== undefined && { virtualMachines: resolveIdentityPaths(virtualMachines, resolve) }),
  };
}

function resolveIdentityPaths(settings: VirtualMachinesSettings, resolve: (path: string) => string) {
  const { clientSecret } = settings.identity;
  if (clientSecret === undefined) return settings;
  return { ...settings, identity: { clientSecret: { ...clientSecret, secretFile: resolve(clientSecret.secretFile) } } };
}
