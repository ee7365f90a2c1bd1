# The two commands of the README on a bare Debian: docker build -t tinytorch .
FROM debian:12
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates git make python3 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /tinytorch
COPY . .
RUN make demo && make test
CMD ["make", "demo"]
