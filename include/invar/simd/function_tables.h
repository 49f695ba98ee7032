// Coefficients and tables of the functions (docs/numerics.md, section 5).
// Written by codegen/functions/derive.py: change that, not this.
#pragma once

#include <cstdint>

namespace invar {
namespace function_tables {

// 1 / ln 2
constexpr double kLog2E = 0x1.71547652b82fep+0;

// the first 44 bits of ln 2
constexpr double kLn2High = 0x1.62e42fefa3ap-1;

// ln 2 - kLn2High
constexpr double kLn2Low = -0x1.0ca86c3898dp-49;

// e^r = 1 + r + r^2 p(r) for |r| <= ln(2) / 2; error below 2^-57
constexpr double kExp[11] = {
    0x1p-1, 0x1.5555555555557p-3, 0x1.5555555555556p-5, 0x1.11111111100dcp-7, 0x1.6c16c16c162d4p-10,
    0x1.a01a01abe7fe1p-13, 0x1.a01a01a6d889cp-16, 0x1.71de0231960ebp-19, 0x1.27e4db646b17ep-22, 0x1.af4de97ca4194p-26,
    0x1.1f730349868cep-29,
};

// 1 / ln 2
constexpr float kPairsLog2E = 0x1.715476p+0f;

// ln 2 as binary32
constexpr float kPairsLn2High = 0x1.62e43p-1f;

// ln 2 - kPairsLn2High
constexpr float kPairsLn2Low = -0x1.05c61p-29f;

// 2^(j/8) as binary32
constexpr float kPairs8Powers[8] = {
    0x1p+0f, 0x1.172b84p+0f, 0x1.306fep+0f, 0x1.4bfdaep+0f, 0x1.6a09e6p+0f, 0x1.8ace54p+0f, 0x1.ae89fap+0f,
    0x1.d5818ep+0f,
};

// the logarithm of 2^(j/8) / kPairs8Powers[j]
constexpr float kPairs8Rests[8] = {
    0x0p+0f, -0x1.9c0c22p-27f, 0x1.125002p-25f, -0x1.0a3552p-25f, 0x1.26055cp-26f, 0x1.67a1cap-28f, -0x1.f9c306p-27f,
    -0x1.a5217cp-28f,
};

// e^r = 1 + r + r^2/2 (1 + r p(r)) for |r| <= ln(2) / 16; error below 2^-38
constexpr float kPairs8[3] = {
    0x1.555556p-2f, 0x1.555972p-4f, 0x1.11136ap-6f,
};

// 2^(j/16) as binary32
constexpr float kPairs16Powers[16] = {
    0x1p+0f, 0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fep+0f, 0x1.3dea64p+0f, 0x1.4bfdaep+0f,
    0x1.5ab07ep+0f, 0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f, 0x1.9c4918p+0f, 0x1.ae89fap+0f, 0x1.c199bep+0f,
    0x1.d5818ep+0f, 0x1.ea4afap+0f,
};

// the logarithm of 2^(j/16) / kPairs16Powers[j]
constexpr float kPairs16Rests[16] = {
    0x0p+0f, 0x1.8d96d4p-25f, -0x1.9c0c22p-27f, 0x1.964902p-25f, 0x1.125002p-25f, 0x1.370be4p-25f, -0x1.0a3552p-25f,
    -0x1.00d8acp-27f, 0x1.26055cp-26f, -0x1.05cb44p-25f, 0x1.67a1cap-28f, 0x1.a3b5e4p-28f, -0x1.f9c306p-27f,
    -0x1.6961b4p-28f, -0x1.a5217cp-28f, 0x1.61428ep-28f,
};

// e^r = 1 + r + r^2/2 (1 + r p(r)) for |r| <= ln(2) / 32; error below 2^-37
constexpr float kPairs16[2] = {
    0x1.555712p-2f, 0x1.55567ep-4f,
};

// ln((1 + s) / (1 - s)) = 2 s + s z R(z), z = s^2; relative error below 2^-60
constexpr double kLog[8] = {
    0x1.5555555555555p-1, 0x1.9999999999a38p-2, 0x1.2492492476c87p-2, 0x1.c71c720160b47p-3, 0x1.745cf901605f7p-3,
    0x1.3b1c360763b8ap-3, 0x1.0fbe83c2cbcf3p-3, 0x1.0c04595972ab8p-3,
};

// u = x / (x + kErfcShift)
constexpr double kErfcShift = 0x1.4p+1;

// from here on erfc is below 2^-150 and rounds to zero
constexpr double kErfcEnd = 0x1.42p+3;

// e^(x^2) erfc(x) = 1 + u Q(u) for 0 <= x <= kErfcEnd; relative error below 2^-48
constexpr double kErfc[23] = {
    -0x1.6914d24534248p+1, 0x1.b6eb2dbacbdb7p+1, -0x1.09963e658d5cfp+1, 0x1.966e959bc81f2p-3, 0x1.94f8b543d8d7p-2,
    -0x1.07df769024fe7p-5, -0x1.c54d2bb7ec811p-4, -0x1.5b2b3dc7149edp-6, 0x1.b35460e66c274p-6, 0x1.2d83753e9833ap-6,
    0x1.4fc0cf5d448bcp-10, -0x1.7050282fd27d5p-7, 0x1.be4d65f5b4848p-7, -0x1.ad57e12f6341dp-5, 0x1.003059e08249p-3,
    -0x1.dc3333f34f73fp-3, 0x1.6686c22de9451p-2, -0x1.a383d938dc7b4p-2, 0x1.767175cf920d4p-2, -0x1.ed269a529269ep-3,
    0x1.be6ec204ee894p-4, -0x1.e985ef7dc9c78p-6, 0x1.e5f17e9ff95b5p-9,
};

// 2 / pi
constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;

// pi / 2 down to the bit 2^-29
constexpr double kHalfPi1 = 0x1.921fb54p+0;

// the next bits, down to 2^-59
constexpr double kHalfPi2 = 0x1.10b46118p-30;

// the rest
constexpr double kHalfPi3 = 0x1.313198a2e037p-61;

// pi / 2
constexpr double kHalfPi = 0x1.921fb54442d18p+0;

// pi / 2 down to the bit 2^-25
constexpr double kHalfPiHigh = 0x1.921fb5p+0;

// pi / 2 - kHalfPiHigh
constexpr double kHalfPiLow = 0x1.110b4611a6263p-26;

// sin r = r + r z S(z), z = r^2, |r| <= pi / 4; relative error below 2^-56
constexpr double kSin[7] = {
    -0x1.5555555555555p-3, 0x1.111111111111p-7, -0x1.a01a01a019936p-13, 0x1.71de3a54605eep-19, -0x1.ae64541266378p-26,
    0x1.61217ec01749dp-33, -0x1.ab17a79237a19p-41,
};

// cos r = 1 - z / 2 + z^2 C(z); error below 2^-58
constexpr double kCos[6] = {
    0x1.5555555555555p-5, -0x1.6c16c16c16966p-10, 0x1.a01a019f4e867p-16, -0x1.27e4fa17a41b4p-22, 0x1.1eeb68b109173p-29,
    -0x1.907d7aebd5e3dp-37,
};

// (2^(E-23) 2 / pi mod 4) 2^23, E from 22: bits 2^24 to 2^-4
constexpr double kTwoOverPi1[107] = {
    0x1.45f3068p+21, 0x1.45f306cp+22, 0x1.45f306cp+23, 0x1.45f306dp+24, 0x1.17cc1b6p+23, 0x1.17cc1b7p+24,
    0x1.7cc1b7p+21, 0x1.7cc1b7p+22, 0x1.7cc1b72p+23, 0x1.7cc1b72p+24, 0x1.f306dc8p+23, 0x1.f306dc9p+24, 0x1.e60db93p+24,
    0x1.cc1b727p+24, 0x1.9836e4ep+24, 0x1.306dc9cp+24, 0x1.836e4e4p+22, 0x1.836e4e4p+23, 0x1.836e4e4p+24,
    0x1.06dc9c8p+24, 0x1.b72722p+19, 0x1.b72722p+20, 0x1.b72722p+21, 0x1.b72722p+22, 0x1.b72722p+23, 0x1.b72722p+24,
    0x1.6e4e441p+24, 0x1.b939104p+23, 0x1.b939105p+24, 0x1.727220ap+24, 0x1.c9c882ap+23, 0x1.c9c882ap+24,
    0x1.9391054p+24, 0x1.27220a9p+24, 0x1.3910548p+22, 0x1.391054ap+23, 0x1.391054ap+24, 0x1.c882a5p+22,
    0x1.c882a52p+23, 0x1.c882a53p+24, 0x1.91054a7p+24, 0x1.220a94fp+24, 0x1.1054a7cp+22, 0x1.1054a7ep+23,
    0x1.1054a7fp+24, 0x1.054a7fp+21, 0x1.054a7fp+22, 0x1.054a7fp+23, 0x1.054a7fp+24, 0x1.529fc2p+19, 0x1.529fc2p+20,
    0x1.529fc2p+21, 0x1.529fc24p+22, 0x1.529fc26p+23, 0x1.529fc27p+24, 0x1.4a7f09cp+23, 0x1.4a7f09dp+24,
    0x1.29fc274p+23, 0x1.29fc275p+24, 0x1.4fe13a8p+22, 0x1.4fe13aap+23, 0x1.4fe13abp+24, 0x1.3f84eaep+23,
    0x1.3f84eafp+24, 0x1.fc2757cp+22, 0x1.fc2757cp+23, 0x1.fc2757dp+24, 0x1.f84eafap+24, 0x1.f09d5f4p+24,
    0x1.e13abe8p+24, 0x1.c2757d1p+24, 0x1.84eafa3p+24, 0x1.09d5f47p+24, 0x1.3abe8fp+20, 0x1.3abe8f8p+21,
    0x1.3abe8f8p+22, 0x1.3abe8fap+23, 0x1.3abe8fap+24, 0x1.d5f47d4p+22, 0x1.d5f47d4p+23, 0x1.d5f47d4p+24,
    0x1.abe8fa9p+24, 0x1.57d1f53p+24, 0x1.5f47d4cp+23, 0x1.5f47d4dp+24, 0x1.7d1f534p+23, 0x1.7d1f534p+24,
    0x1.f47d4d2p+23, 0x1.f47d4d3p+24, 0x1.e8fa9a6p+24, 0x1.d1f534dp+24, 0x1.a3ea69bp+24, 0x1.47d4d37p+24,
    0x1.1f534dcp+23, 0x1.1f534ddp+24, 0x1.f534dd8p+21, 0x1.f534ddcp+22, 0x1.f534ddcp+23, 0x1.f534ddcp+24,
    0x1.ea69bb8p+24, 0x1.d4d377p+24, 0x1.a9a6eep+24, 0x1.534ddcp+24, 0x1.4d37702p+23, 0x1.4d37703p+24, 0x1.34ddc0cp+23,
    0x0p+0,
};

// (2^(E-23) 2 / pi mod 4) 2^23, E from 22: bits 2^-5 to 2^-32
constexpr double kTwoOverPi2[107] = {
    0x1.727220ap-5, 0x1.c9c8828p-6, 0x1.c9c882ap-5, 0x1.9391054p-5, 0x1.27220a8p-5, 0x1.3910548p-7, 0x1.3910548p-6,
    0x1.391054ap-5, 0x1.c882a5p-7, 0x1.c882a5p-6, 0x1.c882a52p-5, 0x1.91054a6p-5, 0x1.220a94ep-5, 0x1.1054a78p-7,
    0x1.1054a7cp-6, 0x1.1054a7ep-5, 0x1.054a7fp-8, 0x1.054a7fp-7, 0x1.054a7fp-6, 0x1.054a7fp-5, 0x1.529fcp-10,
    0x1.529fc2p-9, 0x1.529fc2p-8, 0x1.529fc2p-7, 0x1.529fc24p-6, 0x1.529fc26p-5, 0x1.4a7f09cp-6, 0x1.4a7f09cp-5,
    0x1.29fc274p-6, 0x1.29fc274p-5, 0x1.4fe13a8p-7, 0x1.4fe13a8p-6, 0x1.4fe13aap-5, 0x1.3f84eacp-6, 0x1.3f84eaep-5,
    0x1.fc27578p-7, 0x1.fc2757cp-6, 0x1.fc2757cp-5, 0x1.f84eafap-5, 0x1.f09d5f4p-5, 0x1.e13abe8p-5, 0x1.c2757dp-5,
    0x1.84eafa2p-5, 0x1.09d5f46p-5, 0x1.3abe8ep-9, 0x1.3abe8fp-8, 0x1.3abe8f8p-7, 0x1.3abe8f8p-6, 0x1.3abe8fap-5,
    0x1.d5f47dp-7, 0x1.d5f47d4p-6, 0x1.d5f47d4p-5, 0x1.abe8fa8p-5, 0x1.57d1f52p-5, 0x1.5f47d4cp-6, 0x1.5f47d4cp-5,
    0x1.7d1f534p-6, 0x1.7d1f534p-5, 0x1.f47d4dp-6, 0x1.f47d4d2p-5, 0x1.e8fa9a6p-5, 0x1.d1f534cp-5, 0x1.a3ea69ap-5,
    0x1.47d4d36p-5, 0x1.1f534dcp-6, 0x1.1f534dcp-5, 0x1.f534ddp-8, 0x1.f534dd8p-7, 0x1.f534ddcp-6, 0x1.f534ddcp-5,
    0x1.ea69bb8p-5, 0x1.d4d377p-5, 0x1.a9a6eep-5, 0x1.534ddcp-5, 0x1.4d377p-6, 0x1.4d37702p-5, 0x1.34ddc0cp-6,
    0x1.34ddc0cp-5, 0x1.a6ee068p-7, 0x1.a6ee06cp-6, 0x1.a6ee06cp-5, 0x1.4ddc0dap-5, 0x1.377036cp-6, 0x1.377036cp-5,
    0x1.bb81b68p-7, 0x1.bb81b6cp-6, 0x1.bb81b6cp-5, 0x1.77036d8p-5, 0x1.dc0db6p-6, 0x1.dc0db62p-5, 0x1.b81b6c4p-5,
    0x1.7036d8ap-5, 0x1.c0db628p-6, 0x1.c0db628p-5, 0x1.81b6c52p-5, 0x1.036d8a4p-5, 0x1.b6c528p-11, 0x1.b6c528p-10,
    0x1.b6c52ap-9, 0x1.b6c52bp-8, 0x1.b6c52bp-7, 0x1.b6c52bp-6, 0x1.b6c52b2p-5, 0x1.6d8a566p-5, 0x1.b629598p-6,
    0x1.b629598p-5, 0x0p+0,
};

// (2^(E-23) 2 / pi mod 4) 2^23, E from 22: the rest
constexpr double kTwoOverPi3[107] = {
    0x1.29fc2757d1f53p-34, 0x1.29fc2757d1f53p-33, 0x1.4fe13abe8fa9ap-35, 0x1.4fe13abe8fa9ap-34, 0x1.4fe13abe8fa9ap-33,
    0x1.3f84eafa3ea6ap-34, 0x1.3f84eafa3ea6ap-33, 0x1.fc2757d1f534ep-35, 0x1.fc2757d1f534ep-34, 0x1.fc2757d1f534ep-33,
    0x1.f84eafa3ea69cp-33, 0x1.f09d5f47d4d37p-33, 0x1.e13abe8fa9a6fp-33, 0x1.c2757d1f534dep-33, 0x1.84eafa3ea69bcp-33,
    0x1.09d5f47d4d377p-33, 0x1.3abe8fa9a6eep-37, 0x1.3abe8fa9a6eep-36, 0x1.3abe8fa9a6eep-35, 0x1.3abe8fa9a6eep-34,
    0x1.3abe8fa9a6eep-33, 0x1.d5f47d4d37703p-35, 0x1.d5f47d4d37703p-34, 0x1.d5f47d4d37703p-33, 0x1.abe8fa9a6ee07p-33,
    0x1.57d1f534ddc0ep-33, 0x1.5f47d4d377037p-34, 0x1.5f47d4d377037p-33, 0x1.7d1f534ddc0dbp-34, 0x1.7d1f534ddc0dbp-33,
    0x1.f47d4d377036ep-34, 0x1.f47d4d377036ep-33, 0x1.e8fa9a6ee06dbp-33, 0x1.d1f534ddc0db6p-33, 0x1.a3ea69bb81b6cp-33,
    0x1.47d4d377036d9p-33, 0x1.1f534ddc0db63p-34, 0x1.1f534ddc0db63p-33, 0x1.f534ddc0db629p-36, 0x1.f534ddc0db629p-35,
    0x1.f534ddc0db629p-34, 0x1.f534ddc0db629p-33, 0x1.ea69bb81b6c53p-33, 0x1.d4d377036d8a5p-33, 0x1.a9a6ee06db14bp-33,
    0x1.534ddc0db6296p-33, 0x1.4d377036d8a56p-34, 0x1.4d377036d8a56p-33, 0x1.34ddc0db6295ap-34, 0x1.34ddc0db6295ap-33,
    0x1.a6ee06db14acdp-35, 0x1.a6ee06db14acdp-34, 0x1.a6ee06db14acdp-33, 0x1.4ddc0db629599p-33, 0x1.377036d8a5665p-34,
    0x1.377036d8a5665p-33, 0x1.bb81b6c52b328p-35, 0x1.bb81b6c52b328p-34, 0x1.bb81b6c52b328p-33, 0x1.77036d8a5664fp-33,
    0x1.dc0db6295993cp-34, 0x1.dc0db6295993cp-33, 0x1.b81b6c52b3279p-33, 0x1.7036d8a5664f1p-33, 0x1.c0db6295993c4p-34,
    0x1.c0db6295993c4p-33, 0x1.81b6c52b32788p-33, 0x1.036d8a5664f11p-33, 0x1.b6c52b3278872p-39, 0x1.b6c52b3278872p-38,
    0x1.b6c52b3278872p-37, 0x1.b6c52b3278872p-36, 0x1.b6c52b3278872p-35, 0x1.b6c52b3278872p-34, 0x1.b6c52b3278872p-33,
    0x1.6d8a5664f10e4p-33, 0x1.b6295993c439p-34, 0x1.b6295993c439p-33, 0x1.6c52b32788721p-33, 0x1.b14acc9e21c82p-34,
    0x1.b14acc9e21c82p-33, 0x1.6295993c43904p-33, 0x1.8a5664f10e41p-34, 0x1.8a5664f10e41p-33, 0x1.14acc9e21c821p-33,
    0x1.4acc9e21c821p-36, 0x1.4acc9e21c821p-35, 0x1.4acc9e21c821p-34, 0x1.4acc9e21c821p-33, 0x1.2b3278872084p-34,
    0x1.2b3278872084p-33, 0x1.5993c439041fep-35, 0x1.5993c439041fep-34, 0x1.5993c439041fep-33, 0x1.664f10e4107f9p-34,
    0x1.664f10e4107f9p-33, 0x1.993c439041fe5p-34, 0x1.993c439041fe5p-33, 0x1.3278872083fcap-33, 0x1.93c439041fe51p-35,
    0x1.93c439041fe51p-34, 0x1.93c439041fe51p-33, 0x1.278872083fca3p-33, 0x1.3c439041fe516p-35, 0x1.3c439041fe516p-34,
    0x1.3c439041fe516p-33, 0x0p+0,
};

}  // namespace function_tables
}  // namespace invar
