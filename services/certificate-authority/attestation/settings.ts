import { z } from "zod";
import { awsIidShape, resolveAwsIidPaths } from "./aws-iid/settings.ts";
import { awsStsShape, resolveAwsStsPaths } from "./aws-sts/settings.ts";
import { azureImdsShape, resolveAzureImdsPaths } from "./azure-imds/settings.ts";
import { gcpIitShape, resolveGcpIitPaths } from "./gcp-iit/settings.ts";
import { joinTokenShape } from "./join-token/settings.ts";
import { templateProblem } from "./node-name.ts";
import { oidcShape, resolveOidcPaths } from "./oidc/settings.ts";
import { psatShape, resolvePsatPaths } from "./psat/settings.ts";
import { resolveSshpopPaths, sshpopShape } from "./ssh-pop/settings.ts";
import { resolveTpm2Paths, tpm2SettingsProblem, tpm2Shape } from "./tpm2/settings.ts";
import { resolveX509popPaths, x509popShape } from "./x509-pop/settings.ts";

const MAXIMUM_PROFILES = 100;

/** What every profile says, whatever its attestor. */
const commonShape = {
  /** In the audit trail and in requests; each profile's is its own. */
  name: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "must be lower-case letters, digits and -, at most 63 characters"),
  /** How nodes are called whose name no administrator wrote down: verified fields in braces. */
  nodeName: z
    .string()
    .max(253)
    .superRefine((template, context) => {
      const message = templateProblem(template);
      if (message !== undefined) context.addIssue({ code: "custom", message });
    })
    .optional(),
  /** Whether a machine that nobody enrolled is bound at its first attestation. */
  firstUse: z.boolean().default(false),
};

const profileSchema = z
  .discriminatedUnion("attestor", [
    z.strictObject({ ...commonShape, ...joinTokenShape }),
    z.strictObject({ ...commonShape, ...x509popShape }),
    z.strictObject({ ...commonShape, ...sshpopShape }),
    z.strictObject({ ...commonShape, ...tpm2Shape }),
    z.strictObject({ ...commonShape, ...oidcShape }),
    z.strictObject({ ...commonShape, ...gcpIitShape }),
    z.strictObject({ ...commonShape, ...psatShape }),
    z.strictObject({ ...commonShape, ...awsIidShape }),
    z.strictObject({ ...commonShape, ...awsStsShape }),
    z.strictObject({ ...commonShape, ...azureImdsShape }),
  ])
  .superRefine((profile, context) => {
    const { attestor, firstUse, nodeName } = profile;
    const problem = attestor === "tpm2" ? tpm2SettingsProblem(profile) : undefined;
    if (problem !== undefined) context.addIssue({ code: "custom", path: [problem[0]], message: problem[1] });
    if (attestor === "join_token" && (firstUse || nodeName !== undefined))
      context.addIssue({ code: "custom", message: "a join token names its node: leave nodeName and firstUse out" });
    else if (firstUse && nodeName === undefined)
      context.addIssue({
        code: "custom",
        path: ["nodeName"],
        message: "is needed with firstUse: nothing else names the node",
      });
  });

export type ProfileSettings = z.infer<typeof profileSchema>;

/** The part `attestation` of the configuration; without it nobody attests. */
export const attestationSchema = z
  .strictObject({
    /** The URL of the attestation API as machines reach it: evidence for another URL is worth nothing here. */
    audience: z.url({
      protocol: /^https$/,
      error: "must be an https URL, for example https://node-ca.example/v1/attest",
    }),
    profiles: z
      .array(profileSchema)
      .min(1)
      .max(MAXIMUM_PROFILES)
      .superRefine((profiles, context) => {
        profiles.forEach(({ name }, index) => {
          if (profiles.findIndex((profile) => profile.name === name) === index) return;
          context.addIssue({ code: "custom", path: [index, "name"], message: "is another profile's name" });
        });
      }),
    credential: z
      .strictObject({
        kind: z.enum(["clientCert", "token"]).default("clientCert"),
        lifetimeSeconds: z.int().min(60).max(3600).default(600),
      })
      .prefault({}),
    /** What a machine is told to talk to with its credential; our own address and CA when absent. */
    apiServer: z.strictObject({ url: z.url({ protocol: /^https$/ }), caFile: z.string().min(1) }).optional(),
    /** Where Node objects are: without it nobody knows whether a node is Ready. */
    nodeObject: z
      .strictObject({ kubeconfigFile: z.string().min(1), timeoutSeconds: z.number().min(0.1).max(60).default(5) })
      .optional(),
    /** Whether a node that is Ready may attest without showing that it has its kubelet's key. */
    onNodeReady: z.enum(["deny", "allow"]).default("deny"),
    /** Whether a name goes to another machine, when the one that had it is known to be gone. */
    onNameConflict: z.enum(["deny", "replace-if-gone"]).default("deny"),
    /** Names that no template makes: only an enrolled machine gets one of them. */
    controlPlaneNodes: z.array(z.string().min(1).max(253)).max(1000).default([]),
    limits: z
      .strictObject({
        challengesPerSecond: z.number().positive().max(100_000).default(2000),
        perSecondPerAddress: z.number().positive().max(100_000).default(100),
        attestationsPerHourPerMachine: z.number().positive().max(10_000).default(12),
        /** Proofs that are verified at a time. */
        concurrency: z.int().min(1).max(1000).default(16),
        verificationSeconds: z.number().min(1).max(60).default(15),
      })
      .prefault({}),
  })
  .refine(({ onNameConflict, nodeObject }) => onNameConflict === "deny" || nodeObject !== undefined, {
    path: ["nodeObject"],
    error: "is needed with onNameConflict: replace-if-gone: a name is given away only when its Node is gone as well",
  });

export type AttestationSettings = z.infer<typeof attestationSchema>;

/** The settings with every path made absolute by `resolve`. */
export function resolveAttestationPaths(
  settings: AttestationSettings,
  resolve: (path: string) => string,
): AttestationSettings {
  const { apiServer, nodeObject } = settings;
  return {
    ...settings,
    profiles: settings.profiles.map((profile) => resolveProfilePaths(profile, resolve)),
    ...(apiServer && { apiServer: { ...apiServer, caFile: resolve(apiServer.caFile) } }),
    ...(nodeObject && { nodeObject: { ...nodeObject, kubeconfigFile: resolve(nodeObject.kubeconfigFile) } }),
  };
}

function resolveProfilePaths(profile: ProfileSettings, resolve: (path: string) => string): ProfileSettings {
  switch (profile.attestor) {
    case "join_token":
      return profile;
    case "x509pop":
      return resolveX509popPaths(profile, resolve);
    case "sshpop":
      return resolveSshpopPaths(profile, resolve);
    case "tpm2":
      return resolveTpm2Paths(profile, resolve);
    case "oidc":
      return resolveOidcPaths(profile, resolve);
    case "gcp_iit":
      return resolveGcpIitPaths(profile, resolve);
    case "psat":
      return resolvePsatPaths(profile, resolve);
    case "azure_imds":
      return resolveAzureImdsPaths(profile, resolve);
    case "aws_iid":
      return resolveAwsIidPaths(profile, resolve);
    case "aws_sts":
      return resolveAwsStsPaths(profile, resolve);
    default:
      return profile satisfies never;
  }
}
