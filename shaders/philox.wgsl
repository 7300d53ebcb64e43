// philox: Philox 4x32-10, which turns a counter and a key into four random words. J. K. Salmon et al., "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011. The counter is (index, step, epoch, purpose), and the key is the seed.
// src/random.rs computes the same.

fn philox(counter: vec4u, key: vec2u) -> vec4u {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        let high_0 = high_word(0xD2511F53u, c.x);
        let high_1 = high_word(0xCD9E8D57u, c.z);
        c = vec4u(high_1 ^ c.y ^ k.x, 0xCD9E8D57u * c.z, high_0 ^ c.w ^ k.y, 0xD2511F53u * c.x);
        k += vec2u(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

// The upper 32 bits of the product a·b, from the four products of their halves.
fn high_word(a: u32, b: u32) -> u32 {
    let low = (a & 0xFFFFu) * (b & 0xFFFFu);
    let middle = (a >> 16u) * (b & 0xFFFFu) + (low >> 16u);
    let other = (a & 0xFFFFu) * (b >> 16u) + (middle & 0xFFFFu);
    return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u);
}
