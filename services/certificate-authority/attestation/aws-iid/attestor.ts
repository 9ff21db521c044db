import { isIP } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { awsIidProof } from "../../../shared/attestation/proofs.ts";
import { octetsOf } from "../../../shared/attestation/wire.ts";
import { parseCertificates, ReloadedFile } from "../anchors.ts";
import type { Attestor, AttestorTools, Evidence, ProofInput } from "../attestor.ts";
import { type AwsInstances, awsInstances, type ConfirmedInstance } from "../aws/instances.ts";
import { awsAccount, awsRegion } from "../aws/settings.ts";
import { SignedData } from "../cms/signed-data.ts";
import { readSignedJson } from "../cms/signed-json.ts";
import { noHello } from "../no-hello.ts";
import { denied } from "../refusal.ts";
import type { AwsIidSettings } from "./settings.ts";

/** Clocks of ours and of AWS differ by no more. */
const SKEW_SECONDS = 60;
const MACHINE_ID = /^aws:(\d{12})\/([a-z0-9-]{1,64})\/(i-[0-9a-f]{8,17})$/;

const text = z.string().max(256).optional();
/** What we use of it. AWS adds keys now and then. */
const documentSchema = z.object({
  accountId: awsAccount,
  region: awsRegion,
  instanceId: z.string().regex(/^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$/),
  pendingTime: z.iso.datetime(),
  privateIp: z
    .string()
    .refine((address) => isIP(address) !== 0)
    .nullish(),
  availabilityZone: text,
  imageId: text,
  instanceType: text,
});
type IdentityDocument = z.infer<typeof documentSchema>;

type Certificates = ReturnType<typeof parseCertificates>;

/**
 * Proves that somebody has read the metadata of an EC2 instance of a listed account and region which was launched a moment
 * ago; with `instances` also that it runs, in a listed VPC, under the private DNS name that it then has.
 *
 * It does not prove that the caller is that instance's root user, nor that it is the instance at all: the document covers no
 * bind, every process that reaches the metadata service can read it, and it stays the same. So it counts once.
 */
export function createAwsIidAttestor(settings: AwsIidSettings, { clock }: Pick<AttestorTools, "clock">): Attestor {
  const pinned = settings.regions.map((region) => {
    const file = new ReloadedFile(join(settings.certificates, `${region}.pem`), parseCertificates);
    return { region, file };
  });
  const instances = settings.instances && awsInstances(settings.instances, clock);

  return {
    async verify(input) {
      const document = verifiedDocument(input, pinned);
      judge(document, settings, input.now);
      const { accountId: account, region, instanceId } = document;
      const confirmed = await instances?.confirm({ account, region, instanceId }, input.signal);
      return evidenceOf(document, confirmed);
    },
    ...(instances !== undefined && {
      isGone: (machineId, signal) => isGone(instances, machineId, signal),
      close: () => instances.close(),
    }),
  };
}

/** The region is that of the certificate which has signed: the document is read only afterwards, and has to agree. */
function verifiedDocument(
  { hello, proof }: ProofInput,
  pinned: readonly { readonly region: string; readonly file: ReloadedFile<Certificates> }[],
): IdentityDocument {
  noHello.parse(hello);
  const message = SignedData.read(octetsOf(awsIidProof.parse(proof).document), { needsAttributes: true });
  const problems: string[] = [];
  for (const { region, file } of pinned) {
    const certificate = usable(file, problems).find((candidate) => message.namesAsSigner(candidate));
    if (certificate === undefined) continue;
    const document = documentSchema.safeParse(readSignedJson(message.contentSignedBy(certificate)));
    if (!document.success) throw denied(`it is no identity document: ${z.prettifyError(document.error)}`);
    if (document.data.region !== region)
      throw denied(`the certificate of ${region} has signed for ${document.data.region}`);
    return document.data;
  }
  throw denied(["no certificate of the profile's regions has signed the document", ...problems].join("; "));
}

/** One region's file that cannot be used keeps out the machines of that region alone. */
function usable(file: ReloadedFile<Certificates>, problems: string[]): Certificates {
  try {
    return file.current;
  } catch (error) {
    problems.push((error as Error).message);
    return [];
  }
}

function judge(document: IdentityDocument, { accounts, maximumAgeSeconds }: AwsIidSettings, now: Date): void {
  const { accountId, pendingTime } = document;
  if (!accounts.includes(accountId)) throw denied(`the profile does not list the account ${accountId}`);
  const ageSeconds = (now.getTime() - new Date(pendingTime).getTime()) / 1000;
  if (ageSeconds < -SKEW_SECONDS) throw denied(`the instance is launched in the future, at ${pendingTime}`);
  if (ageSeconds > maximumAgeSeconds)
    throw denied(`the instance was launched at ${pendingTime}, more than ${maximumAgeSeconds} seconds ago`);
}

function evidenceOf(document: IdentityDocument, confirmed: ConfirmedInstance | undefined): Evidence {
  const { accountId, region, instanceId, privateIp, availabilityZone, imageId, instanceType, pendingTime } = document;
  const dnsName = confirmed?.privateDnsName;
  const fields = {
    account_id: accountId,
    region,
    instance_id: instanceId,
    pending_time: pendingTime,
    availability_zone: availabilityZone,
    image_id: imageId,
    instance_type: instanceType,
    private_ip: privateIp ?? undefined,
    private_dns_name: dnsName,
    vpc_id: confirmed?.vpcId,
  };
  return {
    machineId: `aws:${accountId}/${region}/${instanceId}`,
    pins: {},
    fields: Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => !!entry[1])),
    sans: { dnsNames: dnsName === undefined ? [] : [dnsName], ipAddresses: privateIp ? [privateIp] : [] },
    isFresh: false,
    ...(confirmed !== undefined && { launchedAt: confirmed.launchedAt }),
  };
}

async function isGone(instances: AwsInstances, machineId: string, signal: AbortSignal): Promise<boolean | undefined> {
  const [, account, region, instanceId] = MACHINE_ID.exec(machineId) ?? [];
  if (account === undefined || region === undefined || instanceId === undefined) return undefined;
  return instances.isGone({ account, region, instanceId }, signal);
}
