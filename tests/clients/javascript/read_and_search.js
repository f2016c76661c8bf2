// Reads, searches, pages and writes with the SMART JavaScript client; prints what it saw as JSON.
// node read_and_search.js BASE_URL PATIENT_ID
const smart = require("fhirclient");

const [baseUrl, patientId] = process.argv.slice(2);
const storage = { get: async () => null, set: async (_, value) => value, unset: async () => true };
const request = { headers: { host: "localhost" }, url: "/", socket: {} };
const client = smart(request, { headersSent: false }, storage).client(baseUrl);

(async () => {
  const patient = await client.request(`Patient/${patientId}`);
  const found = await client.request(`Patient?_id=${patientId}`);
  const pages = await client.request("Observation?_count=2", { pageLimit: 0, flat: true });
  const withSubject = await client.request(`Observation/${pages[0].id}`, { resolveReferences: ["subject"] });
  const created = await client.create({ resourceType: "Basic", code: { text: "from JavaScript" } });
  const updated = await client.update({ ...created, code: { text: "changed" } });
  const patched = await client.patch(`Basic/${created.id}`, [{ op: "replace", path: "/code/text", value: "patched" }]);
  await client.delete(`Basic/${created.id}`);
  const gone = await client.request(`Basic/${created.id}`).then(() => 200, (error) => error.status ?? error.statusCode);
  console.log(JSON.stringify({
    family: patient.name[0].family,
    total: found.entry.length,
    observations: pages.map((each) => each.id),
    subject: withSubject.subject.resourceType ?? withSubject.subject.reference,
    version: updated.meta.versionId,
    text: patched.code.text,
    gone,
  }));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
